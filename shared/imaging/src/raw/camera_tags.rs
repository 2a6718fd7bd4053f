//! Orientation and dates of RAW files, read from their directories: the metadata library reads pictures only.

use super::{is_cr3, preview};
use crate::{
    exif::{self, CameraReading, CameraTags},
    tiff::directory::Tiff,
};

/// Canon's box of metadata in a CR3. Source: <https://github.com/lclevy/canon_cr3>.
const CANON_METADATA: &[u8; 16] = b"\x85\xC0\xB6\x87\x82\x0F\x11\xE0\x81\x11\xF4\xCE\x46\x2B\x6A\x48";

/// What the camera says about a RAW file.
pub(crate) fn camera_tags(bytes: &[u8]) -> CameraReading {
    let own = if is_cr3(bytes) {
        let part = |name| Tiff::parse(canon_part(bytes, name)?)?.first_directory();
        exif::of_directories(part(*b"CMT1"), part(*b"CMT2"))
    } else {
        let tiff = Tiff::parse(bytes);
        let main = tiff.and_then(|tiff| tiff.first_directory());
        exif::of_directories(main, tiff.and_then(|tiff| tiff.exif_directory()).flatten())
    };
    // Fujifilm keeps its tags in the preview; others repeat them there.
    let of_preview = || preview(bytes).map(exif::of_picture).unwrap_or_default();
    if own.tags == CameraTags::default() { of_preview() } else { own }
}

/// One of the TIFF files that a CR3 keeps in boxes: `moov` › `uuid` › `CMT1` (main directory) or `CMT2`
/// (EXIF).
fn canon_part(bytes: &[u8], name: [u8; 4]) -> Option<&[u8]> {
    let movie = child(bytes, |kind, _| kind == b"moov")?;
    let canon = child(movie, |kind, content| kind == b"uuid" && content.starts_with(CANON_METADATA))?;
    child(&canon[CANON_METADATA.len()..], |kind, _| kind == name.as_slice())
}

/// The content of the first box that is wanted. Source of the layout: ISO/IEC 14496-12, 4.2.
fn child(mut bytes: &[u8], wanted: impl Fn(&[u8], &[u8]) -> bool) -> Option<&[u8]> {
    loop {
        let (size, rest) = bytes.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let (length, rest) = match u32::from_be_bytes(*size) {
            0 => (rest.len(), rest),
            1 => {
                let (size, rest) = rest.split_first_chunk::<8>()?;
                (usize::try_from(u64::from_be_bytes(*size)).ok()?.checked_sub(16)?, rest)
            }
            size => ((size as usize).checked_sub(8)?, rest),
        };
        let (content, next) = rest.split_at_checked(length)?;
        if wanted(kind, content) {
            return Some(content);
        }
        bytes = next;
    }
}
