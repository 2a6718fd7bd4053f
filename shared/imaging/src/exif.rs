//! What the camera wrote beside the pixels: how the photo must be turned to stand upright, and when it was taken.

use std::io::Cursor;

use exif::{Exif, In, Reader, Tag, Value};
use image::{DynamicImage, RgbImage, metadata::Orientation};

use crate::{CaptureTime, jpeg::header};

/// Dates of EXIF with the offsets that belong to them, the best first: when the shutter opened, when the picture became
/// digital. `DateTime` (0x132) is left out: it is when a program last changed the file.
pub(crate) const DATE_TAGS: [(u16, u16); 2] = [(0x9003, 0x9011), (0x9004, 0x9012)];

/// What the camera says about a photo, of what matters here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CameraTags {
    /// EXIF orientation, 1 to 8; `None` where the photo states none or nonsense. Informative: pixels from
    /// [`crate::decode_upright`] stand upright already, and for HEIC and AVIF the container's own rotation counts instead.
    pub orientation: Option<u8>,
    /// EXIF `DateTimeOriginal`, else `DateTimeDigitized`, each with its offset from UTC; never from the file's times or its
    /// name. `None` where the camera wrote no date, or one that does not exist.
    pub taken: Option<CaptureTime>,
}

/// The tags of anything but a RAW file.
pub(crate) fn of_picture(bytes: &[u8]) -> CameraTags {
    let bytes = header::before_scan(bytes);
    let exif = match Reader::new().continue_on_error(true).read_from_container(&mut Cursor::new(bytes)) {
        Ok(exif) => exif,
        Err(exif::Error::PartialResult(partial)) => partial.into_inner().0,
        Err(_) => return CameraTags::default(),
    };
    let orientation = exif
        .get_field(Tag::Orientation, In::PRIMARY)
        .and_then(|field| field.value.get_uint(0))
        .and_then(valid_orientation);
    let taken = DATE_TAGS
        .iter()
        .find_map(|(date, offset)| CaptureTime::from_exif(text(&exif, *date)?, text(&exif, *offset)));
    CameraTags { orientation, taken }
}

/// EXIF orientation as the eight values that it has; anything else is taken as upright, as every viewer does.
pub(crate) fn valid_orientation(value: u32) -> Option<u8> {
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

fn text(exif: &Exif, tag: u16) -> Option<&[u8]> {
    match &exif.get_field(Tag(exif::Context::Exif, tag), In::PRIMARY)?.value {
        Value::Ascii(lines) => lines.first().map(Vec::as_slice),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
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
            assert_eq!(of_picture(&bytes), CameraTags::default());
        }
    }
}
