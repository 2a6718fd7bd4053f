//! Finding the largest JPEG inside a RAW file.

use super::NAME;
use crate::{
    DecodeError,
    jpeg::header::{self, Header},
    tiff::directory::{Directory, Tiff, tag},
};

/// `Compression` of JPEG in strips, old style (TIFF 6.0) and new style (TIFF technical note 2).
const JPEG: [u64; 2] = [6, 7];

/// Where a directory says that a JPEG lies; may be wrong, cut off, or not a picture.
struct Claim {
    offset: usize,
    length: usize,
}

/// The embedded JPEG with most pixels. The directories are asked first. Where they know of none (CR3, ORF,
/// CRW, MRW and X3F keep it in places of their own), the file is searched for JPEGs that begin with a header
/// that makes sense.
pub(crate) fn preview(bytes: &[u8]) -> Result<&[u8], DecodeError> {
    let claims = claims(bytes);
    let claimed = claims.iter().filter_map(|claim| {
        let end = claim.offset.saturating_add(claim.length).min(bytes.len());
        bytes.get(claim.offset..end)
    });
    let claimed = largest(claimed, header::read);
    if let Some(jpeg) = claimed.or_else(|| largest(beginnings(bytes), header::read_strictly)) {
        return Ok(jpeg);
    }
    if claims.iter().any(|claim| claim.offset >= bytes.len()) {
        let reason = "the embedded preview lies beyond the end of the file".to_owned();
        return Err(DecodeError::Damaged { format: NAME, reason });
    }
    Err(DecodeError::Unsupported("RAW (without an embedded JPEG)".to_owned()))
}

fn largest<'a>(
    candidates: impl Iterator<Item = &'a [u8]>,
    read: impl Fn(&[u8]) -> Option<Header>,
) -> Option<&'a [u8]> {
    candidates
        .filter_map(|jpeg| Some((read(jpeg)?, jpeg)))
        .max_by_key(|(header, _)| u64::from(header.width) * u64::from(header.height))
        .map(|(_, jpeg)| jpeg)
}

fn claims(bytes: &[u8]) -> Vec<Claim> {
    if let Some(claim) = fujifilm(bytes) {
        return vec![claim];
    }
    let Some(tiff) = Tiff::parse(bytes) else { return Vec::new() };
    tiff.directories().iter().flat_map(|directory| of_directory(directory, bytes)).collect()
}

fn of_directory(directory: &Directory<'_>, bytes: &[u8]) -> Vec<Claim> {
    let pair = |offset, length| {
        Some(Claim { offset: directory.uint(offset)? as usize, length: directory.uint(length)? as usize })
    };
    let strip = || {
        let one = directory.value(tag::STRIP_OFFSETS)?.uints().take(2).count() == 1;
        let jpeg = JPEG.contains(&directory.uint(tag::COMPRESSION)?);
        if one && jpeg { pair(tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS) } else { None }
    };
    let panasonic = || {
        let jpeg = directory.value(tag::PANASONIC_JPEG)?.bytes();
        let offset = jpeg.as_ptr() as usize - bytes.as_ptr() as usize;
        Some(Claim { offset, length: jpeg.len() })
    };
    [pair(tag::JPEG_OFFSET, tag::JPEG_LENGTH), strip(), panasonic()].into_iter().flatten().collect()
}

/// RAF: two big-endian words at byte 84 of its own header. Source:
/// <https://libopenraw.freedesktop.org/formats/raf/>.
fn fujifilm(bytes: &[u8]) -> Option<Claim> {
    let header = bytes.strip_prefix(b"FUJIFILMCCD-RAW ")?;
    let word = |at: usize| Some(u32::from_be_bytes(*header.get(at - 16..)?.first_chunk()?) as usize);
    Some(Claim { offset: word(84)?, length: word(88)? })
}

/// Everything that begins like a JPEG, each up to the end of the file (a decoder stops at the end of the
/// image).
fn beginnings(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.windows(3).enumerate().filter(|(_, start)| *start == b"\xFF\xD8\xFF").map(|(at, _)| &bytes[at..])
}
