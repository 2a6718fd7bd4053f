//! Square crops of upright photos.

use facesets_core::{BBox, geometry::PixelRect};
use facesets_imaging::{Photo, RgbImage, Window};
use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};

use super::plan::square_around;

/// A crop that cannot be made; none of it happens for boxes of real detections, but a library may have come
/// by others.
#[derive(Debug, thiserror::Error)]
pub enum CropError {
    /// A side of no pixel, or of more than any photo has.
    #[error("a crop of side {0} px cannot be made")]
    Side(f32),
    /// It would be black, or nearly.
    #[error("the face's box {:?} shows nothing of its photo of {} × {} pixels: `facesets store verify` names such faces", .0.corners(), .1.0, .1.1)]
    Outside(BBox, (u32, u32)),
    /// The resizer refused.
    #[error("the crop cannot be resized: {0}")]
    Resize(String),
}

/// Longest side of a crop before it is resized: more than any image within the limits on pixels needs.
const MAX_SIDE: f32 = 65_536.0;

/// Where a crop lies in its photo, beyond which it may reach; in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Square {
    left: i64,
    top: i64,
    side: u32,
}

/// The crop of the square of side (1 + 2·`pad_ratio`) · long side about the centre of `bbox`; see
/// [`Square::cut`].
pub fn square_crop(photo: &Photo, bbox: &BBox, pad_ratio: f32, out_size: u32) -> Result<RgbImage, CropError> {
    Square::around(bbox, pad_ratio, photo.dimensions())?.cut(photo, out_size, &mut Vec::new())
}

impl Square {
    /// Of side (1 + 2·`pad_ratio`) · long side about the centre of `bbox`, of which some must be in the photo
    /// of this width and height.
    pub fn around(bbox: &BBox, pad_ratio: f32, photo: (u32, u32)) -> Result<Self, CropError> {
        if bbox.clamped(photo.0, photo.1).is_none() {
            return Err(CropError::Outside(*bbox, photo));
        }
        let square = square_around(bbox, pad_ratio);
        let side = square.width().round();
        if !(1.0..=MAX_SIDE).contains(&side) {
            return Err(CropError::Side(side));
        }
        Ok(Self { left: square.x1.round() as i64, top: square.y1.round() as i64, side: side as u32 })
    }

    /// How many rows of a photo are looked at, from its top.
    pub fn end(&self) -> u32 {
        self.top.saturating_add(self.side.into()).clamp(0, u32::MAX.into()) as u32
    }

    /// Cuts it out of a photo, black where that has no pixel, and resizes it to `out_size` × `out_size` with
    /// a Lanczos filter (antialiased when shrinking). `memory` is for its pixels before that.
    pub fn cut(&self, photo: &Photo, out_size: u32, memory: &mut Vec<u8>) -> Result<RgbImage, CropError> {
        let inside = self.inside(photo);
        let whole = (inside.width, inside.height) == (self.side, self.side);
        let window = photo.window(inside, memory);
        if whole && window.rect == inside && self.side != out_size {
            return resized(window.rgb, self.side, out_size);
        }
        let cut = self.on_black(&window, inside);
        if self.side == out_size { Ok(cut) } else { resized(&cut, self.side, out_size) }
    }

    /// The part of it that lies in a photo.
    fn inside(&self, photo: &Photo) -> PixelRect {
        let (width, height) = photo.dimensions();
        let part = |start: i64, of: u32| {
            let end = start.saturating_add(self.side.into()).clamp(0, of.into());
            let start = start.clamp(0, of.into());
            (start as u32, (end - start) as u32)
        };
        let ((x, width), (y, height)) = (part(self.left, width), part(self.top, height));
        PixelRect { x, y, width, height }
    }

    /// Its pixels: those of the window in the part that lies in the photo, black elsewhere.
    fn on_black(&self, window: &Window<'_>, inside: PixelRect) -> RgbImage {
        let mut cut = RgbImage::new(self.side, self.side);
        if inside.width == 0 || inside.height == 0 {
            return cut;
        }
        let (from_stride, to_stride) = (3 * window.rect.width as usize, 3 * self.side as usize);
        let from = 3 * (inside.x - window.rect.x) as usize;
        let to = 3 * (i64::from(inside.x) - self.left) as usize;
        let first = (i64::from(inside.y) - self.top) as usize;
        let source = window.rgb.chunks_exact(from_stride).skip((inside.y - window.rect.y) as usize);
        let target = cut.chunks_exact_mut(to_stride).skip(first).take(inside.height as usize);
        let len = 3 * inside.width as usize;
        for (target, source) in target.zip(source) {
            target[to..to + len].copy_from_slice(&source[from..from + len]);
        }
        cut
    }
}

/// A square of RGB pixels with another side.
fn resized(rgb: &[u8], side: u32, size: u32) -> Result<RgbImage, CropError> {
    let failed = |error: &dyn std::fmt::Display| CropError::Resize(error.to_string());
    let source = ImageRef::new(side, side, rgb, PixelType::U8x3).map_err(|e| failed(&e))?;
    let mut target = Image::new(size, size, PixelType::U8x3);
    let options =
        ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3)).use_alpha(false);
    Resizer::new().resize(&source, &mut target, &options).map_err(|e| failed(&e))?;
    RgbImage::from_raw(size, size, target.into_vec()).ok_or(CropError::Side(size as f32))
}

#[cfg(test)]
mod tests {
    use facesets_core::ImageLimits;
    use facesets_imaging::{Rgb, decode_rows_in, decode_upright, encode_jpeg};
    use proptest::prelude::*;

    use super::*;

    fn photo() -> RgbImage {
        RgbImage::from_fn(60, 40, |x, y| Rgb([x as u8 + 1, y as u8 + 1, 200]))
    }

    fn cut_square(photo: &RgbImage, left: i64, top: i64, side: u32) -> RgbImage {
        Square { left, top, side }.cut(&Photo::from(photo.clone()), side, &mut Vec::new()).unwrap()
    }

    #[test]
    fn a_crop_inside_the_photo_is_its_pixels() {
        let cut = cut_square(&photo(), 10, 5, 20);
        assert!(cut.enumerate_pixels().all(|(x, y, pixel)| pixel == photo().get_pixel(x + 10, y + 5)));
    }

    #[test]
    fn beyond_the_border_a_crop_is_black() {
        let cut = cut_square(&photo(), -5, 30, 20);
        for (x, y, pixel) in cut.enumerate_pixels() {
            let inside = x >= 5 && y < 10;
            let expected = if inside { *photo().get_pixel(x - 5, y + 30) } else { Rgb([0, 0, 0]) };
            assert_eq!(*pixel, expected, "{x},{y}");
        }
    }

    proptest! {
        #[test]
        fn a_pixel_of_a_crop_is_the_photo_s_where_the_photo_has_one_and_black_elsewhere(
            left in -200i64..200, top in -200i64..200, side in 1u32..150,
        ) {
            let photo = photo();
            for (x, y, pixel) in cut_square(&photo, left, top, side).enumerate_pixels() {
                let (x, y) = (left + i64::from(x), top + i64::from(y));
                let inside = (0..60).contains(&x) && (0..40).contains(&y);
                let expected = if inside { *photo.get_pixel(x as u32, y as u32) } else { Rgb([0, 0, 0]) };
                prop_assert_eq!(*pixel, expected);
            }
        }

        #[test]
        fn a_crop_has_its_size_wherever_the_box_lies(
            x in -300.0f32..300.0, y in -300.0f32..300.0, w in 1.0f32..200.0, h in 1.0f32..200.0, pad in 0.0f32..1.0, size in 1u32..80,
        ) {
            let bbox = BBox::new([x, y, x + w, y + h]).unwrap();
            let photo = Photo::from(photo());
            match square_crop(&photo, &bbox, pad, size) {
                Ok(crop) => prop_assert_eq!(crop.dimensions(), (size, size)),
                Err(error) => {
                    prop_assert!(matches!(error, CropError::Outside(..)) && bbox.clamped(60, 40).is_none());
                }
            }
        }

        #[test]
        fn a_crop_of_the_rows_down_to_its_end_as_they_are_stored_is_that_of_the_decoded_photo(
            left in -100i64..150, top in -100i64..250, side in 1u32..150, size in 1u32..80, as_it_is in any::<bool>(),
        ) {
            let jpeg = striped();
            let square = Square { left, top, side };
            let size = if as_it_is { side } else { size };
            let limits = ImageLimits::default();
            let stored = decode_rows_in(Vec::new(), &jpeg, &limits, square.end()).unwrap();
            let decoded = Photo::from(decode_upright(&jpeg, &limits).unwrap());
            let mut memory = vec![77; 100];
            let crops = [stored, decoded].map(|photo| square.cut(&photo, size, &mut memory).unwrap());
            prop_assert!(crops[0] == crops[1]);
        }
    }

    /// A JPEG whose colour changes everywhere.
    fn striped() -> Vec<u8> {
        let level = |v: u32| (v * 37 % 256) as u8;
        encode_jpeg(&RgbImage::from_fn(130, 210, |x, y| Rgb([level(x), level(y), level(x + 2 * y)])), 90)
            .unwrap()
    }
}
