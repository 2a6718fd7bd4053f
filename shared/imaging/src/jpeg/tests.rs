//! Which pixels, and whose damage.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb};

use super::*;

#[test]
fn a_jpeg_that_lacks_only_its_end_marker_is_whole() {
    let image = RgbImage::from_fn(64, 48, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]));
    let mut bytes = Vec::new();
    DynamicImage::ImageRgb8(image).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg).unwrap();
    let limits = ImageLimits::default();
    let whole = decode(&bytes, &limits, Vec::new()).unwrap();
    assert_eq!(decode(&bytes[..bytes.len() - 2], &limits, Vec::new()), Ok(whole));
    assert!(decode(&bytes[..bytes.len() - 60], &limits, Vec::new()).is_err(), "pixels are missing");
}

#[test]
fn the_memory_of_an_earlier_photo_changes_no_pixel() {
    let photo = |width, height| {
        encode_jpeg(&RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, (x * y) as u8])), 90)
            .unwrap()
    };
    let limits = ImageLimits::default();
    for (width, height) in [(64, 48), (10, 7), (200, 100)] {
        let bytes = photo(width, height);
        let fresh = decode(&bytes, &limits, Vec::new()).unwrap();
        assert_eq!(fresh.dimensions(), (width, height));
        for len in [1, 3000, 100_000] {
            assert_eq!(decode(&bytes, &limits, vec![77; len]).unwrap(), fresh);
        }
    }
}
