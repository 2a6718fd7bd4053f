//! Cameras' RAW files: which they are, and the JPEG that the camera put into them for its own screen.
//! Container reading only; the sensor's data are never decoded.

mod camera_tags;
mod preview;

pub(crate) use camera_tags::camera_tags;
pub(crate) use preview::preview;

use crate::tiff::directory::{Directory, Kind, Tiff, tag};

/// What RAW files are called in messages.
pub(crate) const NAME: &str = "RAW";

/// First bytes of RAW files that are not built like TIFF: Fujifilm RAF, Canon CRW, Minolta MRW, Sigma X3F.
const SIGNATURES: [&[u8]; 4] = [b"FUJIFILMCCD-RAW ", b"II\x1A\0\0\0HEAPCCDR", b"\0MRM", b"FOVb"];

/// What Canon writes behind the header of a CR2, and Phase One behind that of an IIQ, in either byte order;
/// the former is followed by the first directory, always at the same place. Pixels may lie there in other
/// files. Source: dcraw, <https://github.com/lclevy/canon_cr2>.
const CANON: (&[u8], u64) = (b"CR\x02\0", 16);
const PHASE_ONE: [&[u8]; 2] = [b"IIIITwaR", b"MMMMRawT"];

/// `PhotometricInterpretation` of sensor data: a colour filter array (TIFF/EP) and linear RAW (DNG 1.6).
const SENSOR_DATA: [u64; 2] = [32803, 34892];

/// Is this a camera's RAW file? A TIFF is one if it bears a maker's own magic number (ORF, RW2) or mark, or
/// holds sensor data (DNG, NEF, ARW, PEF, SRW, …). A TIFF whose first directory is a picture is a picture,
/// though: programs that develop a RAW file copy its tags along, and its small preview.
pub(crate) fn is_raw(bytes: &[u8]) -> bool {
    if SIGNATURES.iter().any(|signature| bytes.starts_with(signature)) || is_cr3(bytes) {
        return true;
    }
    let Some(tiff) = Tiff::parse(bytes) else { return false };
    match tiff.kind() {
        Kind::Maker => true,
        Kind::Big => holds_more_than_its_picture(&tiff),
        Kind::Classic => {
            let marked = |mark: &[u8]| bytes[8..].starts_with(mark);
            // Its first directory lies where it always does, or has Canon's preview.
            let canons = tiff.first_offset() == CANON.1
                || tiff.first_directory().and_then(|first| first.uint(tag::COMPRESSION)) == Some(6);
            (marked(CANON.0) && canons)
                || PHASE_ONE.iter().any(|mark| marked(mark))
                || holds_more_than_its_picture(&tiff)
        }
    }
}

/// Whether there is sensor data of more pixels than the picture in the first directory has, or only a reduced
/// one that says whose it is.
fn holds_more_than_its_picture(tiff: &Tiff<'_>) -> bool {
    let directories = tiff.directories();
    let Some(first) = directories.first() else { return false };
    let is_sensor = |directory: &Directory<'_>| {
        directory.uint(tag::PHOTOMETRIC).is_some_and(|kind| SENSOR_DATA.contains(&kind))
    };
    // Lowest bit: a smaller version of another picture of the file.
    let reduced = first.uint(tag::SUBFILE_TYPE).is_some_and(|kind| kind & 1 == 1);
    let has_parts = first.value(tag::SUB_DIRECTORIES).is_some();
    let sensor = directories.iter().filter(|directory| is_sensor(directory)).map(pixels).max();
    match sensor {
        Some(sensor) => is_sensor(first) || reduced || pixels(first) == 0 || sensor > pixels(first),
        // Its sensor data may lie where this file ends too early.
        None => first.value(tag::DNG_VERSION).is_some() && reduced && has_parts,
    }
}

fn pixels(directory: &Directory<'_>) -> u64 {
    let side = |tag| directory.uint(tag).unwrap_or(0);
    side(tag::WIDTH).saturating_mul(side(tag::HEIGHT))
}

/// Canon's CR3 is an ISO base media file of its own brand.
pub(crate) fn is_cr3(bytes: &[u8]) -> bool {
    bytes.get(4..12) == Some(b"ftypcrx ")
}
