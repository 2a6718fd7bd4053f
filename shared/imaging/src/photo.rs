//! A decoded photo whose pixels are made RGB where somebody looks at them.

use std::borrow::Cow;

use facesets_core::{PixelDigest, geometry::PixelRect};
use image::RgbImage;

use crate::{
    jpeg::{Planes, Scratch},
    picture,
};

/// A photo, upright, or its first rows. Its pixels are the same as those of [`crate::decode_upright`],
/// however they are read.
#[derive(Debug)]
pub struct Photo(Pixels);

#[derive(Debug)]
enum Pixels {
    Rgb(RgbImage),
    Planes(Planes),
}

/// A photo's rows, one at a time.
#[derive(Debug)]
pub struct Rows<'a> {
    photo: &'a Photo,
    scratch: Scratch,
    row: Vec<u8>,
}

/// A part of a photo as RGB, or all of it. Coordinates are the photo's.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// Width of the photo in pixels.
    pub photo_width: u32,
    /// Height of the photo in pixels.
    pub photo_height: u32,
    /// The pixels that are here.
    pub rect: PixelRect,
    /// Three bytes a pixel, row after row.
    pub rgb: &'a [u8],
}

impl Photo {
    /// Width and height in pixels.
    pub fn dimensions(&self) -> (u32, u32) {
        match &self.0 {
            Pixels::Rgb(image) => image.dimensions(),
            Pixels::Planes(planes) => planes.dimensions(),
        }
    }

    /// Bytes of memory that the pixels take.
    pub fn memory(&self) -> u64 {
        match &self.0 {
            Pixels::Rgb(image) => image.as_raw().len() as u64,
            Pixels::Planes(planes) => planes.bytes().len() as u64,
        }
    }

    /// The memory, for the next photo.
    pub fn into_memory(self) -> Vec<u8> {
        match self.0 {
            Pixels::Rgb(image) => image.into_raw(),
            Pixels::Planes(planes) => planes.into_bytes(),
        }
    }

    /// The digest of its pixels. They are read once, as they lie in memory.
    ///
    /// # Panics
    /// If not all rows were asked for.
    pub fn pixel_digest(&self) -> PixelDigest {
        match &self.0 {
            Pixels::Rgb(image) => picture::digest(0, image.dimensions(), image.as_raw()),
            Pixels::Planes(planes) => {
                assert!(planes.is_whole(), "a digest of some rows would be taken for that of the photo");
                picture::digest(planes.layout(), planes.dimensions(), planes.bytes())
            }
        }
    }

    /// All pixels.
    ///
    /// # Panics
    /// If not all rows were asked for.
    pub fn to_rgb(&self) -> Cow<'_, RgbImage> {
        match &self.0 {
            Pixels::Rgb(image) => Cow::Borrowed(image),
            Pixels::Planes(planes) => {
                let (width, height) = planes.dimensions();
                let mut image = RgbImage::new(width, height);
                let mut scratch = Scratch::default();
                for (y, row) in image.chunks_exact_mut(3 * width as usize).enumerate() {
                    planes.colour(y, 0..width as usize, &mut scratch, row);
                }
                Cow::Owned(image)
            }
        }
    }

    /// Its rows.
    pub fn rows(&self) -> Rows<'_> {
        Rows { photo: self, scratch: Scratch::default(), row: Vec::new() }
    }

    /// At least the pixels of `rect`, in `memory` unless they are RGB already; it grows as needed.
    ///
    /// # Panics
    /// If `rect` reaches beyond the photo, or below the rows that were asked for.
    pub fn window<'a>(&'a self, rect: PixelRect, memory: &'a mut Vec<u8>) -> Window<'a> {
        let planes = match &self.0 {
            Pixels::Rgb(image) => return Window::of(image),
            Pixels::Planes(planes) => planes,
        };
        let (photo_width, photo_height) = planes.dimensions();
        let [left, top, width, height] = [rect.x, rect.y, rect.width, rect.height].map(|v| v as usize);
        if memory.len() < 3 * width * height {
            *memory = vec![0; 3 * width * height];
        }
        let rgb = &mut memory[..3 * width * height];
        let mut scratch = Scratch::default();
        if width > 0 {
            for (y, row) in rgb.chunks_exact_mut(3 * width).enumerate() {
                planes.colour(top + y, left..left + width, &mut scratch, row);
            }
        }
        Window { photo_width, photo_height, rect, rgb }
    }

    pub(crate) fn of_planes(planes: Planes) -> Self {
        Self(Pixels::Planes(planes))
    }
}

impl From<RgbImage> for Photo {
    fn from(image: RgbImage) -> Self {
        Self(Pixels::Rgb(image))
    }
}

impl Rows<'_> {
    /// Row `y` as RGB, three bytes a pixel.
    ///
    /// # Panics
    /// If the photo has no such row, or it was not asked for.
    pub fn get(&mut self, y: usize) -> &[u8] {
        match &self.photo.0 {
            Pixels::Rgb(image) => {
                let len = 3 * image.width() as usize;
                &image.as_raw()[y * len..][..len]
            }
            Pixels::Planes(planes) => {
                let width = planes.dimensions().0 as usize;
                self.row.resize(3 * width, 0);
                planes.colour(y, 0..width, &mut self.scratch, &mut self.row);
                &self.row
            }
        }
    }
}

impl<'a> Window<'a> {
    /// A whole photo.
    pub fn of(image: &'a RgbImage) -> Self {
        let (width, height) = image.dimensions();
        let rect = PixelRect { x: 0, y: 0, width, height };
        Self { photo_width: width, photo_height: height, rect, rgb: image.as_raw() }
    }
}

#[cfg(test)]
mod tests {
    use facesets_core::ImageLimits;
    use proptest::prelude::*;
    use turbojpeg::{Image, PixelFormat, Subsamp};

    use super::*;
    use crate::{decode_photo_in, decode_rows_in, decode_upright};

    /// A JPEG of noise, where any wrong neighbour shows.
    fn noise((width, height): (usize, usize), subsamp: Subsamp, seed: u32) -> Vec<u8> {
        let mut state = seed | 1;
        let levels = (0..3 * width * height).map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 8) as u8
        });
        let pixels: Vec<u8> = levels.collect();
        let image = Image { pixels: &pixels[..], width, pitch: 3 * width, height, format: PixelFormat::RGB };
        turbojpeg::compress(image, 90, subsamp).unwrap().to_vec()
    }

    fn lazily(jpeg: &[u8]) -> Photo {
        decode_photo_in(vec![77; 1000], jpeg, &ImageLimits::default()).unwrap()
    }

    fn any_subsampling() -> impl Strategy<Value = Subsamp> {
        use Subsamp::{Gray, None, Sub1x2, Sub2x1, Sub2x2, Sub4x1};
        prop::sample::select(vec![None, Sub2x1, Sub2x2, Sub2x2, Sub1x2, Sub4x1, Gray])
    }

    proptest! {
        #[test]
        fn every_row_and_every_window_has_the_pixels_of_the_whole_photo(
            size in (1usize..70, 1usize..70), subsamp in any_subsampling(), seed in any::<u32>(),
            part in prop::array::uniform4(0.0f64..1.0),
        ) {
            let jpeg = noise(size, subsamp, seed);
            let whole = decode_upright(&jpeg, &ImageLimits::default()).unwrap();
            let photo = lazily(&jpeg);
            prop_assert_eq!(photo.to_rgb().into_owned(), whole.clone());

            let mut rows = photo.rows();
            for (y, row) in whole.as_raw().chunks_exact(3 * size.0).enumerate() {
                prop_assert_eq!(rows.get(y), row);
            }

            let [x, y, width, height] = part;
            let within = |part: f64, of: u32| (part * f64::from(of)) as u32;
            let (x, y) = (within(x, whole.width()), within(y, whole.height()));
            let (width, height) = (within(width, whole.width() + 1 - x), within(height, whole.height() + 1 - y));
            let mut memory = vec![99; 50];
            let window = photo.window(PixelRect { x, y, width, height }, &mut memory);
            for dy in 0..height {
                for dx in 0..width {
                    let at = 3 * ((y + dy - window.rect.y) * window.rect.width + x + dx - window.rect.x) as usize;
                    prop_assert_eq!(&window.rgb[at..at + 3], &whole.get_pixel(x + dx, y + dy).0);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_rows_that_were_asked_for_have_the_pixels_of_the_whole_photo(
            size in (1usize..70, 1usize..120), subsamp in any_subsampling(), seed in any::<u32>(), part in 0.0f64..1.1,
        ) {
            let jpeg = noise(size, subsamp, seed);
            let whole = decode_upright(&jpeg, &ImageLimits::default()).unwrap();
            let asked = (part * size.1 as f64) as usize;
            let photo = decode_rows_in(vec![77; 1000], &jpeg, &ImageLimits::default(), asked as u32).unwrap();
            prop_assert_eq!(photo.dimensions(), whole.dimensions());
            let mut rows = photo.rows();
            for (y, row) in whole.as_raw().chunks_exact(3 * size.0).enumerate().take(asked) {
                prop_assert_eq!(rows.get(y), row);
            }
        }
    }

    #[test]
    fn rows_that_nobody_asked_for_are_not_decoded_and_damage_above_them_is_found() {
        let jpeg = noise((64, 160), Subsamp::Sub2x2, 1);
        let decode = |jpeg: &[u8], rows| decode_rows_in(Vec::new(), jpeg, &ImageLimits::default(), rows);
        assert_eq!(decode(&jpeg, 40).unwrap().memory(), 64 * 48 * 3 / 2);
        let without_end = &jpeg[..jpeg.len() / 2];
        assert!(decode(without_end, 40).is_ok());
        assert!(decode(without_end, 120).is_err());
        let mut damaged = jpeg.clone();
        // A marker that does not belong there.
        let early = jpeg.len() / 10;
        damaged[early..early + 2].copy_from_slice(b"\xFF\xD4");
        assert!(decode(&damaged, 40).is_err());
    }

    #[test]
    #[should_panic(expected = "row 40 was not asked for")]
    fn looking_at_a_row_that_was_not_asked_for_is_a_mistake_that_shows() {
        let jpeg = noise((64, 160), Subsamp::Sub2x2, 1);
        decode_rows_in(Vec::new(), &jpeg, &ImageLimits::default(), 40).unwrap().rows().get(40);
    }

    #[test]
    fn what_cameras_write_stays_in_planes_and_takes_half_the_memory() {
        let photo = lazily(&noise((64, 48), Subsamp::Sub2x2, 1));
        assert_eq!(photo.dimensions(), (64, 48));
        assert_eq!(photo.memory(), 64 * 48 * 3 / 2);
        assert_eq!(Photo::from(RgbImage::new(64, 48)).memory(), 64 * 48 * 3);
    }
}
