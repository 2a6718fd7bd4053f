//! How much memory decoding a photo takes, told from its header before it is begun.

use facesets_core::ImageLimits;
use image::{ColorType, ImageDecoder as _, ImageFormat};

use crate::{
    decode::open_picture,
    exif,
    format::{self, Format},
    jpeg, raw, tiff,
};

/// Bytes of one pixel as RGB.
const RGB: f64 = 3.0;

/// The most memory that decoding takes at a time, in bytes, the pixels included, as the header has it;
/// buffers of some rows are left out.
///
/// 0 for what is refused before pixels are allocated, and for HEIC and AVIF where they are not read.
pub fn decoding_memory(bytes: &[u8], limits: &ImageLimits) -> u64 {
    if bytes.len() as u64 > limits.max_bytes {
        return 0;
    }
    match format::of(bytes) {
        Some(Format::Picture(ImageFormat::Jpeg)) => of_jpeg(bytes, limits),
        Some(Format::Picture(ImageFormat::Tiff)) => of_tiff(bytes, limits),
        Some(Format::Picture(format)) => of_picture(bytes, format, limits),
        Some(Format::Raw) => raw::preview(bytes).map_or(0, |preview| of_jpeg(preview, limits)),
        Some(Format::Heic | Format::Avif) => of_heif(bytes, limits),
        None => 0,
    }
}

fn of_jpeg(bytes: &[u8], limits: &ImageLimits) -> u64 {
    let Some(header) = jpeg::header::read(bytes) else { return 0 };
    let pixels = u64::from(header.width) * u64::from(header.height);
    if pixels > limits.max_pixels {
        return 0;
    }
    let samples = header.samples_per_pixel();
    let stored = if jpeg::stays_in_planes(&header) { samples } else { samples + RGB };
    // A picture that is turned is there twice.
    let turned = if exif::is_upright(exif::orientation(bytes)) { stored } else { 2.0 * RGB };
    // Of a picture in several scans every coefficient is in memory, two bytes each.
    let coefficients = if header.scans == jpeg::header::Scans::One { 0.0 } else { 2.0 * samples };
    (pixels as f64 * (turned + coefficients)) as u64
}

/// Planes of 16 bits with colours at half the resolution, as phones have them, RGB, and that once more where
/// it is turned.
#[cfg(any(feature = "heif", feature = "avif"))]
fn of_heif(bytes: &[u8], limits: &ImageLimits) -> u64 {
    const BYTES_PER_PIXEL: u64 = 9;
    let size = crate::isolate::isolated("HEIF", || Ok(crate::heif::announced_size(bytes))).ok().flatten();
    let pixels = size.map_or(0, |(width, height)| u64::from(width) * u64::from(height));
    if pixels > limits.max_pixels { 0 } else { BYTES_PER_PIXEL * pixels }
}

#[cfg(not(any(feature = "heif", feature = "avif")))]
fn of_heif(_: &[u8], _: &ImageLimits) -> u64 {
    0
}

fn of_tiff(bytes: &[u8], limits: &ImageLimits) -> u64 {
    let memory = tiff::memory(bytes, limits);
    if exif::is_upright(exif::orientation(bytes)) { memory } else { 2 * memory }
}

fn of_picture(bytes: &[u8], format: ImageFormat, limits: &ImageLimits) -> u64 {
    let Ok(decoder) = open_picture(bytes, format, limits) else { return 0 };
    let (width, height) = decoder.dimensions();
    let rgb = u64::from(width) * u64::from(height) * RGB as u64;
    let stored = decoder.total_bytes();
    let converted = if decoder.color_type() == ColorType::Rgb8 { 0 } else { rgb };
    let turned = if exif::is_upright(exif::orientation(bytes)) { 0 } else { rgb };
    // These decoders have the picture once more, as it was stored.
    let inner = matches!(format, ImageFormat::WebP | ImageFormat::Gif);
    stored + converted.max(turned) + if inner { stored } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, RgbImage};
    use proptest::prelude::*;

    use super::*;

    const PIXELS: u64 = 64 * 48;

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        image.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    fn memory(bytes: &[u8]) -> u64 {
        decoding_memory(bytes, &ImageLimits::default())
    }

    #[test]
    fn a_jpeg_of_a_camera_takes_what_its_planes_do_and_deep_pngs_take_more_than_their_pixels() {
        let jpeg = crate::encode_jpeg(&RgbImage::new(64, 48), 90).unwrap();
        assert_eq!(memory(&jpeg), PIXELS * 3 / 2);
        assert_eq!(memory(&encoded(&DynamicImage::new_rgb8(64, 48), ImageFormat::Png)), PIXELS * 3);
        assert_eq!(memory(&encoded(&DynamicImage::new_rgba16(64, 48), ImageFormat::Png)), PIXELS * 11);
        assert_eq!(memory(&encoded(&DynamicImage::new_rgb8(64, 48), ImageFormat::Tiff)), PIXELS * 3);
    }

    #[test]
    fn what_is_refused_takes_none() {
        let few = ImageLimits { max_pixels: PIXELS - 1, ..ImageLimits::default() };
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let bytes = encoded(&DynamicImage::new_rgb8(64, 48), format);
            assert!(memory(&bytes) > 0);
            assert_eq!(decoding_memory(&bytes, &few), 0);
            assert_eq!(decoding_memory(&bytes, &ImageLimits { max_bytes: 9, ..ImageLimits::default() }), 0);
        }
        assert_eq!(memory(b"no picture"), 0);
    }

    proptest! {
        #[test]
        fn damage_makes_it_neither_panic_nor_take_more_than_the_limits_allow(
            at in 0usize..400, value in any::<u8>(), jpeg in any::<bool>(),
        ) {
            let format = if jpeg { ImageFormat::Jpeg } else { ImageFormat::Png };
            let mut bytes = encoded(&DynamicImage::new_rgb8(24, 16), format);
            let at = at % bytes.len();
            bytes[at] = value;
            let limits = ImageLimits { max_bytes: 1 << 20, max_pixels: 10_000 };
            prop_assert!(decoding_memory(&bytes, &limits) <= 18 * limits.max_pixels);
        }
    }
}
