//! The one way from bytes to pixels.

use std::io::Cursor;

use facesets_core::ImageLimits;
use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage, error::ImageFormatHint,
};

use crate::{
    DecodeError, Photo, exif,
    format::{self, Format},
    jpeg, limit, raw, tiff, webp,
};

/// Working memory that a decoder may take beside the pixels, relative to 3 bytes a pixel: 16-bit RGBA needs
/// 8.
const DECODER_BYTES_PER_PIXEL: u64 = 16;

/// Decodes a photo to 8-bit RGB, standing upright.
///
/// The format is taken from the content, never from a name. Upright means: turned by EXIF orientation, for
/// HEIC and AVIF by the container's own rotation, which is the one that counts there. Of a RAW file the
/// largest JPEG that the camera put into it is decoded, turned by the JPEG's own orientation or, where it has
/// none, the file's. Alpha is dropped, deeper channels are reduced to 8 bits, of an animation the first frame
/// is taken. Colour profiles are not applied (OpenCV does not either). The size in pixels is checked against
/// `limits` before pixels are allocated.
///
/// HEIC needs the feature `heif`, AVIF the feature `avif`; without it they are [`DecodeError::Unsupported`]
/// by name. A panic in their decoders is caught and becomes [`DecodeError::Damaged`].
pub fn decode_upright(bytes: &[u8], limits: &ImageLimits) -> Result<RgbImage, DecodeError> {
    decode_upright_in(Vec::new(), bytes, limits)
}

/// The same, with the pixels in `memory` where the decoder allows it (JPEG) and it is large enough: an
/// earlier photo's, say. Memory that is fresh from the system costs as much as a tenth of the decoding.
pub fn decode_upright_in(
    memory: Vec<u8>,
    bytes: &[u8],
    limits: &ImageLimits,
) -> Result<RgbImage, DecodeError> {
    decode(format_of(bytes, limits)?, memory, bytes, limits)
}

fn decode(
    format: Format,
    memory: Vec<u8>,
    bytes: &[u8],
    limits: &ImageLimits,
) -> Result<RgbImage, DecodeError> {
    match format {
        Format::Picture(format) => {
            let stored = decode_picture(bytes, format, limits, memory)?;
            Ok(exif::turn_upright(stored, exif::orientation(bytes)))
        }
        Format::Heic => heic(bytes, limits),
        Format::Avif => avif(bytes, limits),
        Format::Raw => {
            let jpeg = raw::preview(bytes)?;
            let stored = jpeg::decode(jpeg, limits, memory)?;
            let own = exif::orientation(jpeg);
            Ok(exif::turn_upright(stored, own.or_else(|| raw::camera_tags(bytes).tags.orientation)))
        }
    }
}

/// The same pixels as [`decode_upright`]'s, but made RGB only where they are looked at, which saves a tenth
/// of the decoding where most are not: a JPEG that stands upright stays as it is stored, brightness and
/// colour apart. Anything else is RGB at once.
pub fn decode_photo_in(memory: Vec<u8>, bytes: &[u8], limits: &ImageLimits) -> Result<Photo, DecodeError> {
    decode_rows_in(memory, bytes, limits, u32::MAX)
}

/// The same for somebody who looks at the first `rows` rows only: where a JPEG allows it (it stands upright
/// and is not progressive), the others are not decoded, and what may be damaged in them is not found. Looking
/// at them panics.
pub fn decode_rows_in(
    memory: Vec<u8>,
    bytes: &[u8],
    limits: &ImageLimits,
    rows: u32,
) -> Result<Photo, DecodeError> {
    match format_of(bytes, limits)? {
        Format::Picture(ImageFormat::Jpeg) => match exif::orientation(bytes) {
            orientation if exif::is_upright(orientation) => jpeg::decode_photo(bytes, limits, rows, memory),
            turned => {
                jpeg::decode(bytes, limits, memory).map(|stored| exif::turn_upright(stored, turned).into())
            }
        },
        format => decode(format, memory, bytes, limits).map(Photo::from),
    }
}

fn format_of(bytes: &[u8], limits: &ImageLimits) -> Result<Format, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    if bytes.len() as u64 > limits.max_bytes {
        return Err(DecodeError::TooManyBytes { bytes: bytes.len() as u64, max_bytes: limits.max_bytes });
    }
    format::of(bytes).ok_or(DecodeError::UnknownFormat)
}

fn heic(bytes: &[u8], limits: &ImageLimits) -> Result<RgbImage, DecodeError> {
    #[cfg(feature = "heif")]
    return crate::heif::decode(bytes, "HEIC", limits);
    #[cfg(not(feature = "heif"))]
    unsupported("HEIC", bytes, limits)
}

fn avif(bytes: &[u8], limits: &ImageLimits) -> Result<RgbImage, DecodeError> {
    #[cfg(feature = "avif")]
    return crate::heif::decode(bytes, "AVIF", limits);
    #[cfg(not(feature = "avif"))]
    unsupported("AVIF", bytes, limits)
}

/// The answer of a build without the format's feature.
#[cfg(not(all(feature = "heif", feature = "avif")))]
fn unsupported(name: &str, _: &[u8], _: &ImageLimits) -> Result<RgbImage, DecodeError> {
    Err(DecodeError::Unsupported(name.to_owned()))
}

fn decode_picture(
    bytes: &[u8],
    format: ImageFormat,
    limits: &ImageLimits,
    memory: Vec<u8>,
) -> Result<RgbImage, DecodeError> {
    match format {
        ImageFormat::Jpeg => return jpeg::decode(bytes, limits, memory),
        ImageFormat::Tiff => return tiff::decode(bytes, limits),
        _ => {}
    }
    let decoder = open_picture(bytes, format, limits)?;
    let decoded = DynamicImage::from_decoder(decoder).map_err(|error| from_image_error(error, format))?;
    Ok(decoded.into_rgb8())
}

/// What decodes a picture of any format but JPEG and TIFF, its header read and found within `limits`.
pub(crate) fn open_picture<'a>(
    bytes: &'a [u8],
    format: ImageFormat,
    limits: &ImageLimits,
) -> Result<impl ImageDecoder + use<'a>, DecodeError> {
    let explain = |error| from_image_error(error, format);
    let bytes = if format == ImageFormat::WebP { webp::without_empty_promises(bytes) } else { bytes.into() };
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(explain)?;
    let (width, height) = decoder.dimensions();
    limit::check_pixels(name(format), width.into(), height.into(), limits)?;
    let mut allocation = image::Limits::default();
    allocation.max_alloc = Some(limits.max_pixels.saturating_mul(DECODER_BYTES_PER_PIXEL));
    decoder.set_limits(allocation).map_err(explain)?;
    Ok(decoder)
}

fn from_image_error(error: ImageError, format: ImageFormat) -> DecodeError {
    match error {
        ImageError::Unsupported(unsupported) => DecodeError::Unsupported(match unsupported.format_hint() {
            ImageFormatHint::Unknown => name(format).to_owned(),
            hint => hint.to_string(),
        }),
        other => DecodeError::Damaged { format: name(format), reason: other.to_string() },
    }
}

fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "PNG",
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Gif => "GIF",
        _ => "image",
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, Rgba, RgbaImage};
    use proptest::prelude::*;

    use super::*;

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        image.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    fn gradient(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([(x * 7) as u8, (y * 11) as u8, 90]))
    }

    /// A PNG header that announces a size, with no pixels behind it.
    fn png_announcing(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = encoded(&DynamicImage::new_rgb8(1, 1), ImageFormat::Png);
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let crc = png_crc(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    fn png_crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xEDB8_8320 & (!(crc & 1)).wrapping_add(1))
            })
        })
    }

    #[test]
    fn lossless_formats_give_back_their_pixels() {
        let image = gradient(13, 9);
        for format in
            [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::Tiff, ImageFormat::WebP]
        {
            let bytes = encoded(&DynamicImage::ImageRgb8(image.clone()), format);
            let decoded = decode_upright(&bytes, &ImageLimits::default()).unwrap();
            if format == ImageFormat::Gif {
                assert_eq!(decoded.dimensions(), (13, 9)); // a palette cannot hold every colour
            } else {
                assert_eq!(decoded, image, "{format:?}");
            }
        }
    }

    #[test]
    fn alpha_is_dropped_not_blended() {
        let image = RgbaImage::from_pixel(4, 4, Rgba([10, 20, 30, 0]));
        let bytes = encoded(&DynamicImage::ImageRgba8(image), ImageFormat::Png);
        let decoded = decode_upright(&bytes, &ImageLimits::default()).unwrap();
        assert_eq!(decoded.get_pixel(1, 1), &Rgb([10, 20, 30]));
    }

    #[test]
    fn a_bomb_is_refused_by_its_header() {
        let error = decode_upright(&png_announcing(30_000, 30_000), &ImageLimits::default()).unwrap_err();
        let max_pixels = ImageLimits::default().max_pixels;
        assert_eq!(error, DecodeError::TooManyPixels { width: 30_000, height: 30_000, max_pixels });
    }

    #[test]
    fn an_image_without_pixels_is_damaged() {
        let mut gif = encoded(&DynamicImage::ImageRgb8(gradient(4, 4)), ImageFormat::Gif);
        gif[6..8].copy_from_slice(&[0, 0]);
        let error = decode_upright(&gif, &ImageLimits::default()).unwrap_err();
        assert_eq!(error.to_string(), "the GIF data are damaged: an image without pixels");
    }

    #[test]
    fn what_is_no_photo_says_so() {
        let limits = ImageLimits::default();
        assert_eq!(decode_upright(b"", &limits), Err(DecodeError::Empty));
        assert_eq!(decode_upright(b"just a text named .jpg", &limits), Err(DecodeError::UnknownFormat));
        let few = ImageLimits { max_bytes: 3, ..limits };
        assert_eq!(decode_upright(b"abcd", &few), Err(DecodeError::TooManyBytes { bytes: 4, max_bytes: 3 }));
    }

    #[test]
    fn a_cut_photo_is_damaged_in_every_format() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Tiff, ImageFormat::Bmp] {
            let bytes = encoded(&DynamicImage::ImageRgb8(gradient(64, 64)), format);
            let error = decode_upright(&bytes[..bytes.len() / 2], &ImageLimits::default()).unwrap_err();
            assert!(matches!(error, DecodeError::Damaged { .. }), "{format:?}: {error:?}");
        }
    }

    proptest! {
        #[test]
        fn damage_anywhere_is_an_error_or_an_image_within_limits(
            at in 0usize..400, value in any::<u8>(), jpeg in any::<bool>(),
        ) {
            let format = if jpeg { ImageFormat::Jpeg } else { ImageFormat::Png };
            let mut bytes = encoded(&DynamicImage::ImageRgb8(gradient(24, 16)), format);
            let at = at % bytes.len();
            bytes[at] = value;
            let limits = ImageLimits { max_bytes: 1 << 20, max_pixels: 10_000 };
            if let Ok(image) = decode_upright(&bytes, &limits) {
                prop_assert!(u64::from(image.width()) * u64::from(image.height()) <= limits.max_pixels);
            }
        }
    }
}
