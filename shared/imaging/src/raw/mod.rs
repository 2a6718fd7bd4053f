//! Cameras' RAW files: which they are, and the JPEG that the camera put into them for its own screen. Container reading
//! only; the sensor's data are never decoded.

mod camera_tags;
mod preview;
pub(crate) mod tiff;

pub(crate) use camera_tags::camera_tags;
pub(crate) use preview::preview;

use tiff::{Tiff, tag};

/// What RAW files are called in messages.
pub(crate) const NAME: &str = "RAW";

/// First bytes of RAW files that are not built like TIFF: Fujifilm RAF, Canon CRW, Minolta MRW, Sigma X3F.
const SIGNATURES: [&[u8]; 4] = [b"FUJIFILMCCD-RAW ", b"II\x1A\0\0\0HEAPCCDR", b"\0MRM", b"FOVb"];

/// What two makers write behind the header of TIFF: Canon CR2, Phase One IIQ (in either byte order).
const AFTER_HEADER: [&[u8]; 3] = [b"CR", b"IIII", b"MMMM"];

/// `PhotometricInterpretation` of sensor data: a colour filter array (TIFF/EP) and linear RAW (DNG 1.6).
const SENSOR_DATA: [u32; 2] = [32803, 34892];

/// Is this a camera's RAW file? A TIFF is one if it says so (DNG's version, a maker's mark), bears a maker's own magic number
/// (ORF, RW2), or holds sensor data (NEF, ARW, PEF, SRW, …); other TIFFs are pictures.
pub(crate) fn is_raw(bytes: &[u8]) -> bool {
    if SIGNATURES.iter().any(|signature| bytes.starts_with(signature)) || is_cr3(bytes) {
        return true;
    }
    let Some(tiff) = Tiff::parse(bytes) else { return false };
    let plain = bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*");
    !plain
        || AFTER_HEADER.iter().any(|mark| bytes[8..].starts_with(mark))
        || tiff.directories().iter().any(|directory| {
            directory.value(tag::DNG_VERSION).is_some()
                || directory.uint(tag::PHOTOMETRIC).is_some_and(|kind| SENSOR_DATA.contains(&kind))
        })
}

/// Canon's CR3 is an ISO base media file of its own brand.
pub(crate) fn is_cr3(bytes: &[u8]) -> bool {
    bytes.get(4..12) == Some(b"ftypcrx ")
}
