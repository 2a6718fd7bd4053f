//! JPEG through libjpeg-turbo: bit for bit the pixels that OpenCV and Pillow see.

pub(crate) mod header;
pub(crate) mod parts;
mod planes;
mod repair;
#[cfg(test)]
mod tests;
mod whole;

pub(crate) use planes::{Planes, Scratch};

use std::borrow::Cow;

use facesets_core::ImageLimits;
use image::RgbImage;
use turbojpeg::{Colorspace, DecompressHeader, Decompressor, Image, PixelFormat};

use crate::{DecodeError, Photo, limit::check_pixels};
use header::Header;
use planes::Subsampling;
use repair::Stripped;

/// Scans that a progressive JPEG may have; each one costs a pass over the whole image, and cameras write
/// about ten.
const MAX_SCANS: u32 = 200;

/// A file whose header libjpeg-turbo has read.
struct Opened<'a> {
    decoder: Decompressor,
    /// What libjpeg-turbo says of it.
    said: DecompressHeader,
    /// `None` for what only libjpeg-turbo can read.
    header: Option<Header>,
    bytes: Cow<'a, [u8]>,
}

/// `memory`: whatever it holds is overwritten; the pixels are in it if it is large enough.
pub(crate) fn decode(bytes: &[u8], limits: &ImageLimits, memory: Vec<u8>) -> Result<RgbImage, DecodeError> {
    all_pixels(open(bytes, limits)?, memory)
}

fn all_pixels(opened: Opened<'_>, memory: Vec<u8>) -> Result<RgbImage, DecodeError> {
    let (width, height) = (opened.said.width, opened.said.height);
    let pixels = match opened.said.colorspace {
        Colorspace::CMYK | Colorspace::YCCK => cmyk_to_rgb(&decompress(opened, PixelFormat::CMYK, memory)?),
        _ => decompress(opened, PixelFormat::RGB, memory)?,
    };
    Ok(RgbImage::from_raw(width as u32, height as u32, pixels)
        .expect("the buffer was made for this width and height"))
}

/// The same pixels, at least those of the first `rows` rows, made RGB when they are looked at wherever that
/// can be put off.
pub(crate) fn decode_photo(
    bytes: &[u8],
    limits: &ImageLimits,
    rows: u32,
    memory: Vec<u8>,
) -> Result<Photo, DecodeError> {
    let mut opened = open(bytes, limits)?;
    let header = opened.header.clone().filter(|_| opened.said.colorspace == Colorspace::YCbCr);
    match header.and_then(|header| Some((Subsampling::of(&header)?, header))) {
        None => all_pixels(opened, memory).map(Photo::from),
        Some((subsampling, header)) => {
            Planes::decode(&mut opened.decoder, &opened.bytes, (&header, subsampling), rows, memory)
                .map(Photo::of_planes)
        }
    }
}

/// The samples of a JPEG as they are stored, their colours made what they are in the file that it is a part
/// of: RGB from YCbCr, nothing else. One byte a sample, `samples` a pixel; the size in pixels comes first.
pub(crate) fn decode_samples(
    bytes: &[u8],
    samples: usize,
    limits: &ImageLimits,
) -> Result<([u32; 2], Vec<u8>), DecodeError> {
    let format = match samples {
        1 => PixelFormat::GRAY,
        4 => PixelFormat::CMYK,
        _ => PixelFormat::RGB,
    };
    let opened = open(bytes, limits)?;
    let size = [opened.said.width as u32, opened.said.height as u32];
    Ok((size, decompress(opened, format, Vec::new())?))
}

/// Whether [`decode_photo`] leaves such a picture as it is stored, if it is one of brightness and colours.
pub(crate) fn stays_in_planes(header: &header::Header) -> bool {
    Subsampling::of(header).is_some()
}

/// Width and height as they are stored.
pub(crate) fn size(bytes: &[u8]) -> Result<(u32, u32), DecodeError> {
    let unlimited = ImageLimits { max_bytes: u64::MAX, max_pixels: u64::MAX };
    open(bytes, &unlimited).map(|opened| (opened.said.width as u32, opened.said.height as u32))
}

fn open<'a>(bytes: &'a [u8], limits: &ImageLimits) -> Result<Opened<'a>, DecodeError> {
    let mut decoder = Decompressor::new().map_err(damaged)?;
    let header = header::read(bytes);
    let (said, bytes) = match decoder.read_header(bytes) {
        Ok(said) => (said, Cow::Borrowed(bytes)),
        // What it complains of may say nothing of the picture.
        Err(complaint) => {
            let sound =
                header.as_ref().and_then(|header| Stripped::of(bytes, header)).map(|file| file.file());
            let bytes = sound.ok_or_else(|| damaged(complaint))?;
            (decoder.read_header(&bytes).map_err(damaged)?, Cow::Owned(bytes))
        }
    };
    check_pixels("JPEG", said.width as u64, said.height as u64, limits)?;
    decoder.set_scan_limit(MAX_SCANS).map_err(damaged)?;
    Ok(Opened { decoder, said, header, bytes })
}

/// Encodes an image as JPEG with half the resolution in colour, as cameras do; `quality` from 1 to 100. The
/// error is libjpeg-turbo's, in words: too large a side (65,500), no memory.
pub fn encode_jpeg(image: &RgbImage, quality: u8) -> Result<Vec<u8>, String> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let pixels = &image.as_raw()[..];
    let image = Image { pixels, width, pitch: width * 3, height, format: PixelFormat::RGB };
    let bytes = turbojpeg::compress(image, i32::from(quality), turbojpeg::Subsamp::Sub2x2);
    bytes.map(|bytes| bytes.to_vec()).map_err(|error| error.to_string())
}

fn decompress(opened: Opened<'_>, format: PixelFormat, memory: Vec<u8>) -> Result<Vec<u8>, DecodeError> {
    let Opened { mut decoder, said, header, bytes } = opened;
    let (width, height) = (said.width, said.height);
    let pitch = width * format.size();
    let mut pixels = with_len(memory, pitch * height);
    whole::decode(&bytes, header.as_ref(), |bytes| {
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
