//! JPEG through libjpeg-turbo: bit for bit the pixels that OpenCV and Pillow see.

pub(crate) mod header;
mod planes;

pub(crate) use planes::{Planes, Scratch};

use facesets_core::ImageLimits;
use image::RgbImage;
use turbojpeg::{Colorspace, DecompressHeader, Decompressor, Image, PixelFormat};

use crate::{DecodeError, Photo, limit::check_pixels};
use planes::Subsampling;

/// Scans that a progressive JPEG may have; each one costs a pass over the whole image, and cameras write about ten.
const MAX_SCANS: u32 = 200;

/// What libjpeg-turbo says of bytes between two segments: harmless, frequent, and every viewer shows such files.
const HARMLESS_WARNING: &str = "extraneous bytes before marker";

/// What it says when the file ends before its end marker, and that marker (EOI).
const NO_END_MARKER: &str = "Premature end of JPEG file";
const END_MARKER: [u8; 2] = [0xFF, 0xD9];

/// `memory`: whatever it holds is overwritten; the pixels are in it if it is large enough.
pub(crate) fn decode(bytes: &[u8], limits: &ImageLimits, memory: Vec<u8>) -> Result<RgbImage, DecodeError> {
    let (mut decoder, header) = open(bytes, limits)?;
    all_pixels(&mut decoder, &header, bytes, memory)
}

fn all_pixels(
    decoder: &mut Decompressor,
    header: &DecompressHeader,
    bytes: &[u8],
    memory: Vec<u8>,
) -> Result<RgbImage, DecodeError> {
    let (width, height) = (header.width, header.height);
    let pixels = match header.colorspace {
        Colorspace::CMYK | Colorspace::YCCK => {
            cmyk_to_rgb(&decompress(decoder, bytes, (width, height), PixelFormat::CMYK, memory)?)
        }
        _ => decompress(decoder, bytes, (width, height), PixelFormat::RGB, memory)?,
    };
    Ok(RgbImage::from_raw(width as u32, height as u32, pixels)
        .expect("the buffer was made for this width and height"))
}

/// The same pixels, at least those of the first `rows` rows, made RGB when they are looked at wherever that can be put off.
pub(crate) fn decode_photo(
    bytes: &[u8],
    limits: &ImageLimits,
    rows: u32,
    memory: Vec<u8>,
) -> Result<Photo, DecodeError> {
    let (mut decoder, said) = open(bytes, limits)?;
    let header = header::read(bytes).filter(|_| said.colorspace == Colorspace::YCbCr);
    match header.and_then(|header| Some((Subsampling::of(&header)?, header))) {
        None => all_pixels(&mut decoder, &said, bytes, memory).map(Photo::from),
        Some((subsampling, header)) => {
            Planes::decode(&mut decoder, bytes, (&header, subsampling), rows, memory).map(Photo::of_planes)
        }
    }
}

/// Whether [`decode_photo`] leaves such a picture as it is stored, if it is one of brightness and colours.
pub(crate) fn stays_in_planes(header: &header::Header) -> bool {
    Subsampling::of(header).is_some()
}

/// Width and height as they are stored.
pub(crate) fn size(bytes: &[u8]) -> Result<(u32, u32), DecodeError> {
    let header = Decompressor::new().and_then(|mut decoder| decoder.read_header(bytes)).map_err(damaged)?;
    Ok((header.width as u32, header.height as u32))
}

fn open(bytes: &[u8], limits: &ImageLimits) -> Result<(Decompressor, DecompressHeader), DecodeError> {
    let mut decoder = Decompressor::new().map_err(damaged)?;
    let header = decoder.read_header(bytes).map_err(damaged)?;
    check_pixels("JPEG", header.width as u64, header.height as u64, limits)?;
    decoder.set_scan_limit(MAX_SCANS).map_err(damaged)?;
    Ok((decoder, header))
}

/// Encodes an image as JPEG with half the resolution in colour, as cameras do; `quality` from 1 to 100. The error is libjpeg-turbo's, in
/// words: too large a side (65,500), no memory.
pub fn encode_jpeg(image: &RgbImage, quality: u8) -> Result<Vec<u8>, String> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let pixels = &image.as_raw()[..];
    let image = Image { pixels, width, pitch: width * 3, height, format: PixelFormat::RGB };
    let bytes = turbojpeg::compress(image, i32::from(quality), turbojpeg::Subsamp::Sub2x2);
    bytes.map(|bytes| bytes.to_vec()).map_err(|error| error.to_string())
}

fn decompress(
    decoder: &mut Decompressor,
    bytes: &[u8],
    (width, height): (usize, usize),
    format: PixelFormat,
    memory: Vec<u8>,
) -> Result<Vec<u8>, DecodeError> {
    let pitch = width * format.size();
    let mut pixels = with_len(memory, pitch * height);
    despite_harmless_warnings(bytes, |bytes| {
        decoder.decompress(bytes, Image { pixels: &mut pixels[..], width, pitch, height, format })
    })?;
    Ok(pixels)
}

/// So many bytes, whatever is in them.
fn with_len(memory: Vec<u8>, len: usize) -> Vec<u8> {
    if memory.capacity() < len {
        // Fresh zeros come from the system for less than filling what there is.
        return vec![0; len];
    }
    let mut bytes = memory;
    bytes.resize(len, 0);
    bytes
}

/// Decodes by `attempt`; what loses no pixel is no error.
fn despite_harmless_warnings(
    bytes: &[u8],
    mut attempt: impl FnMut(&[u8]) -> turbojpeg::Result<()>,
) -> Result<(), DecodeError> {
    let mut outcome = attempt(bytes);
    // Either only the end marker is missing, which loses no pixel, or the end of the picture is: with a marker of ours the former
    // decodes without complaint, the latter does not.
    if outcome.as_ref().is_err_and(|error| error.to_string().contains(NO_END_MARKER)) {
        outcome = attempt(&[bytes, &END_MARKER].concat());
    }
    match outcome {
        Err(error) if !error.to_string().contains(HARMLESS_WARNING) => Err(damaged(error)),
        _ => Ok(()),
    }
}

/// Print inks as Adobe stores them (inverted) to RGB, in the integer arithmetic of OpenCV's reader.
fn cmyk_to_rgb(pixels: &[u8]) -> Vec<u8> {
    pixels
        .as_chunks::<4>()
        .0
        .iter()
        .flat_map(|&[c, m, y, k]| {
            [c, m, y].map(|ink| (i32::from(k) - (((255 - i32::from(ink)) * i32::from(k)) >> 8)) as u8)
        })
        .collect()
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn damaged(error: turbojpeg::Error) -> DecodeError {
    DecodeError::Damaged { format: "JPEG", reason: error.to_string() }
}

#[cfg(test)]
mod tests {
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
}
