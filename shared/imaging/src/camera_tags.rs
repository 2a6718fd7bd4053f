//! What the camera says about a photo of any format.

use crate::{
    exif::{self, CameraTags},
    format::{self, Format},
    isolate::isolated,
    raw,
};

/// Reads what the camera says from JPEG, PNG, WebP, TIFF, HEIC, AVIF and RAW, whatever features are on.
///
/// Anything else, and damage of any kind, says nothing. Of a file that is cut off, whatever is there is read: the beginning of
/// a JPEG is enough, other formats may keep their tags at the end.
pub fn camera_tags(bytes: &[u8]) -> CameraTags {
    let read = || match format::of(bytes) {
        Some(Format::Raw) => raw::camera_tags(bytes),
        Some(_) => exif::of_picture(bytes),
        None => CameraTags::default(),
    };
    isolated("EXIF", || Ok(read())).unwrap_or_default()
}
