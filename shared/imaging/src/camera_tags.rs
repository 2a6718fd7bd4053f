//! What the camera says about a photo of any format.

use crate::{
    exif::{self, CameraReading, CameraTags},
    format::{self, Format},
    isolate::isolated,
    raw,
};

/// Reads what the camera says from JPEG, PNG, WebP, TIFF, HEIC, AVIF and RAW, whatever features are on.
///
/// Anything else says nothing, and so does whatever is damaged. Of a file that is cut off, whatever is there
/// is read: the beginning of a JPEG is enough, other formats may keep their tags at the end.
pub fn camera_tags(bytes: &[u8]) -> CameraTags {
    read_camera(bytes).tags
}

/// The same, with what is there and could not be understood. Whoever has the beginning of a file only must
/// not rely on that.
pub fn read_camera(bytes: &[u8]) -> CameraReading {
    let read = || match format::of(bytes) {
        Some(Format::Raw) => raw::camera_tags(bytes),
        Some(_) => exif::of_picture(bytes),
        None => CameraReading::default(),
    };
    isolated("EXIF", || Ok(read())).unwrap_or_default()
}
