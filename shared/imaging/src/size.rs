//! How large a photo is, told from its header.

use facesets_core::ImageLimits;
use image::{ImageDecoder as _, ImageFormat};

use crate::{
    decode::open_picture,
    exif,
    format::{self, Format},
    isolate::isolated,
    jpeg, tiff,
};

/// Reading a header allocates no pixels.
const UNLIMITED: ImageLimits = ImageLimits { max_bytes: u64::MAX, max_pixels: u64::MAX };

/// Width and height in pixels that [`crate::decode_upright`] gives, by the header and the orientation that it
/// reads, at a small part of its cost.
///
/// `None` for what workers do not read (see [`crate::worker_can_decode`]) and where the header is damaged.
pub fn upright_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let Format::Picture(format) = format::of(bytes)? else { return None };
    isolated("image", || {
        let (width, height) = match format {
            ImageFormat::Jpeg => jpeg::size(bytes)?,
            ImageFormat::Tiff => tiff::size(bytes)?,
            other => open_picture(bytes, other, &UNLIMITED)?.dimensions(),
        };
        let turned = exif::is_on_its_side(exif::orientation(bytes));
        Ok(if turned { (height, width) } else { (width, height) })
    })
    .ok()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, RgbImage};
    use proptest::prelude::*;

    use super::*;
    use crate::decode_upright;

    /// Of 24 × 16 pixels; in a JPEG, EXIF says `orientation`.
    fn encoded(format: ImageFormat, orientation: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        DynamicImage::from(RgbImage::new(24, 16)).write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        if format == ImageFormat::Jpeg {
            let mut app1 = b"\xFF\xE1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
            app1.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
            bytes.splice(2..2, app1);
        }
        bytes
    }

    #[test]
    fn it_is_that_of_the_decoded_photo_whatever_the_format_and_however_it_is_turned() {
        use ImageFormat::{Bmp, Gif, Jpeg, Png, Tiff, WebP};
        let upright = [Bmp, Gif, Png, Tiff, WebP].map(|format| encoded(format, 1));
        let turned = (0..=9).map(|orientation| encoded(Jpeg, orientation));
        let fixtures = ["turned.heic", "plain.avif", "photo.dng"].map(|name| {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/formats/");
            std::fs::read(format!("{folder}{name}")).unwrap()
        });
        for (number, bytes) in upright.into_iter().chain(turned).enumerate() {
            let decoded = decode_upright(&bytes, &ImageLimits::default()).unwrap();
            assert_eq!(upright_size(&bytes), Some(decoded.dimensions()), "{number}");
        }
        assert_eq!(upright_size(&encoded(Jpeg, 6)), Some((16, 24)));
        for other in fixtures.iter().map(Vec::as_slice).chain([&b"no photo"[..], b""]) {
            assert_eq!(upright_size(other), None);
        }
    }

    proptest! {
        #[test]
        fn what_can_be_decoded_has_the_size_that_was_told_before(
            at in 0usize..400, value in any::<u8>(), jpeg in any::<bool>(),
        ) {
            let mut bytes = encoded(if jpeg { ImageFormat::Jpeg } else { ImageFormat::Png }, 6);
            let at = at % bytes.len();
            bytes[at] = value;
            let limits = ImageLimits { max_bytes: 1 << 20, max_pixels: 10_000 };
            if let Ok(image) = decode_upright(&bytes, &limits) {
                prop_assert_eq!(upright_size(&bytes), Some(image.dimensions()));
            }
        }
    }
}
