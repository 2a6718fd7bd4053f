//! What the camera wrote beside the pixels: how the photo must be turned to stand upright, and when it was
//! taken.

mod block;

use std::fmt;

use image::{DynamicImage, RgbImage, metadata::Orientation};

use crate::{
    CaptureTime,
    tiff::directory::{Directory, Tiff, tag},
};

/// Dates of EXIF with the offsets that belong to them, the best first: when the shutter opened, when the
/// picture became digital.
const DATE_TAGS: [(u16, u16); 2] = [(0x9003, 0x9011), (0x9004, 0x9012)];

/// The offset of `DateTime`.
const DATE_TIME_OFFSET: u16 = 0x9010;

/// Characters of a date that are shown.
const SHOWN: usize = 40;

/// What the camera says about a photo, of what matters here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CameraTags {
    /// EXIF orientation, 1 to 8; `None` where the photo states none or nonsense. Informative: pixels from
    /// [`crate::decode_upright`] stand upright already, and for HEIC and AVIF the container's own rotation
    /// counts instead.
    pub orientation: Option<u8>,
    /// EXIF `DateTimeOriginal`, else `DateTimeDigitized`, each with its offset from UTC; where a photo has
    /// neither of them, its `DateTime`, which programs that change a photo set anew. Never from the file's
    /// times or its name. `None` where the camera wrote no date, or one of which not even the year is known.
    pub taken: Option<CaptureTime>,
}

/// What was read of what the camera says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CameraReading {
    /// What was understood.
    pub tags: CameraTags,
    /// What is there and was not.
    pub not_understood: Option<NotUnderstood>,
}

/// What a photo says and nobody here understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotUnderstood {
    /// Its EXIF, or the part with the dates.
    Exif,
    /// The date, as it is written; only its beginning if it is long.
    Date(String),
}

impl fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exif => f.write_str("its EXIF cannot be read"),
            Self::Date(date) => write!(f, "its date `{date}` makes no sense"),
        }
    }
}

/// What anything but a RAW file says.
pub(crate) fn of_picture(bytes: &[u8]) -> CameraReading {
    let Some(block) = block::of(bytes) else { return CameraReading::default() };
    let Some((tiff, main)) = Tiff::parse(&block).and_then(|tiff| Some((tiff, tiff.first_directory()?)))
    else {
        return CameraReading { not_understood: Some(NotUnderstood::Exif), ..CameraReading::default() };
    };
    match tiff.exif_directory() {
        None => of_directories(Some(main), None),
        Some(Some(exif)) => of_directories(Some(main), Some(exif)),
        Some(None) => {
            let reading = of_directories(Some(main), None);
            CameraReading { not_understood: Some(NotUnderstood::Exif), ..reading }
        }
    }
}

/// How a picture that is no RAW file must be turned.
pub(crate) fn orientation(bytes: &[u8]) -> Option<u8> {
    of_picture(bytes).tags.orientation
}

/// What the main directory of a file and that of its EXIF say.
pub(crate) fn of_directories(main: Option<Directory<'_>>, exif: Option<Directory<'_>>) -> CameraReading {
    let orientation = main.and_then(|main| main.uint(tag::ORIENTATION)).and_then(valid_orientation);
    let mut dates: Vec<_> = DATE_TAGS
        .iter()
        .filter_map(|(date, offset)| Some((text(exif, *date)?, text(exif, *offset))))
        .collect();
    if dates.is_empty() {
        dates.extend(text(main, tag::DATE_TIME).map(|date| (date, text(exif, DATE_TIME_OFFSET))));
    }
    let taken = dates.iter().find_map(|(date, offset)| CaptureTime::from_exif(date, *offset));
    let strange = dates.iter().find(|(date, _)| CaptureTime::is_written(date));
    let strange = strange.filter(|_| taken.is_none()).map(|(date, _)| {
        let shown = String::from_utf8_lossy(date).chars().take(SHOWN).collect::<String>();
        NotUnderstood::Date(shown.trim_matches(['\0', ' ']).to_owned())
    });
    CameraReading { tags: CameraTags { orientation, taken }, not_understood: strange }
}

fn text(directory: Option<Directory<'_>>, tag: u16) -> Option<&[u8]> {
    Some(directory?.value(tag)?.bytes())
}

/// EXIF orientation as the eight values that it has; anything else is taken as upright, as every viewer does.
fn valid_orientation(value: u64) -> Option<u8> {
    u8::try_from(value).ok().filter(|value| (1..=8).contains(value))
}

/// Whether stored pixels stand upright.
pub(crate) fn is_upright(orientation: Option<u8>) -> bool {
    turn(orientation).is_none()
}

/// Whether what is stored as rows are the columns of the upright picture.
pub(crate) fn is_on_its_side(orientation: Option<u8>) -> bool {
    orientation.is_some_and(|value| (5..=8).contains(&value))
}

/// Turns stored pixels upright.
pub(crate) fn turn_upright(stored: RgbImage, orientation: Option<u8>) -> RgbImage {
    match turn(orientation) {
        None => stored,
        Some(orientation) => {
            let mut image = DynamicImage::ImageRgb8(stored);
            image.apply_orientation(orientation);
            image.into_rgb8()
        }
    }
}

/// What has to be done to stored pixels, if anything.
fn turn(orientation: Option<u8>) -> Option<Orientation> {
    orientation.and_then(Orientation::from_exif).filter(|turn| *turn != Orientation::NoTransforms)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, Rgb};

    use super::*;

    /// A JPEG whose EXIF says `orientation`.
    fn jpeg_with_orientation(image: RgbImage, orientation: u8) -> Vec<u8> {
        let mut jpeg = Vec::new();
        DynamicImage::ImageRgb8(image).write_to(&mut Cursor::new(&mut jpeg), ImageFormat::Jpeg).unwrap();
        let mut app1 = b"\xFF\xE1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        app1.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        jpeg.splice(2..2, app1);
        jpeg
    }

    #[test]
    fn every_orientation_puts_the_stored_corner_where_exif_says() {
        // 32×16, dark with a bright 8×8 corner top left in the stored pixels.
        let stored =
            RgbImage::from_fn(32, 16, |x, y| if x < 8 && y < 8 { Rgb([255; 3]) } else { Rgb([0; 3]) });
        let corner_and_size = [
            (1, (2, 2), (32, 16)),
            (2, (29, 2), (32, 16)),
            (3, (29, 13), (32, 16)),
            (4, (2, 13), (32, 16)),
            (5, (2, 2), (16, 32)),
            (6, (13, 2), (16, 32)),
            (7, (13, 29), (16, 32)),
            (8, (2, 29), (16, 32)),
        ];
        for (orientation, (x, y), size) in corner_and_size {
            let bytes = jpeg_with_orientation(stored.clone(), orientation);
            let upright = crate::decode_upright(&bytes, &facesets_core::ImageLimits::default()).unwrap();
            assert_eq!(upright.dimensions(), size, "orientation {orientation}");
            assert!(upright.get_pixel(x, y)[0] > 200, "orientation {orientation}");
        }
    }

    #[test]
    fn an_orientation_that_makes_no_sense_is_taken_as_upright() {
        for nonsense in [0, 9, 255] {
            let bytes = jpeg_with_orientation(RgbImage::new(8, 8), nonsense);
            assert_eq!(of_picture(&bytes), CameraReading::default());
        }
    }
}
