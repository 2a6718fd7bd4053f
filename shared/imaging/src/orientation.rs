//! EXIF orientation: how the stored pixels must be turned to stand upright.

use std::io::Cursor;

use exif::{In, Reader, Tag};
use image::{DynamicImage, RgbImage, metadata::Orientation};

/// The orientation that the photo's EXIF states; upright when there is none or it makes no sense, as every viewer does.
pub(crate) fn of(bytes: &[u8]) -> Orientation {
    let exif = match Reader::new().continue_on_error(true).read_from_container(&mut Cursor::new(bytes)) {
        Ok(exif) => exif,
        Err(exif::Error::PartialResult(partial)) => partial.into_inner().0,
        Err(_) => return Orientation::NoTransforms,
    };
    exif.get_field(Tag::Orientation, In::PRIMARY)
        .and_then(|field| field.value.get_uint(0))
        .and_then(|value| u8::try_from(value).ok())
        .and_then(Orientation::from_exif)
        .unwrap_or(Orientation::NoTransforms)
}

/// Turns stored pixels upright.
pub(crate) fn apply(stored: RgbImage, orientation: Orientation) -> RgbImage {
    if orientation == Orientation::NoTransforms {
        return stored;
    }
    let mut image = DynamicImage::ImageRgb8(stored);
    image.apply_orientation(orientation);
    image.into_rgb8()
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
            assert_eq!(of(&bytes), Orientation::NoTransforms);
        }
    }
}
