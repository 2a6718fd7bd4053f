//! The photos of an old cache as they are now.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use facesets_base::{file, monitor::Monitor};
use facesets_core::{ImageLimits, Sha256Digest};
use facesets_imaging::{CameraTags, camera_tags, decode_upright};
use facesets_library::{source::disk::sighting, store::Sighting};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::{CachedPhoto, LeftOut};

/// A photo that is there, and as it was.
pub(super) struct Photo {
    pub(super) path: PathBuf,
    pub(super) sighting: Sighting,
    pub(super) sha256: Sha256Digest,
    pub(super) bytes: u64,
    pub(super) camera: CameraTags,
    /// Of the upright image in pixels.
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Reads every photo, as many at a time as there are cores; returns those that can be used and those that
/// cannot, each in order of paths. The latter are told as problems too.
pub(super) fn look(
    photos: &BTreeMap<PathBuf, CachedPhoto>,
    monitor: &dyn Monitor,
) -> (Vec<Photo>, Vec<LeftOut>) {
    let all: Vec<(&PathBuf, &CachedPhoto)> = photos.iter().collect();
    let read = |(path, cached): &(&PathBuf, &CachedPhoto)| {
        let photo = read(path, cached.sha256.as_deref());
        monitor.advance(1);
        photo.map_err(|why| LeftOut { path: (*path).clone(), why, faces: cached.rows.len() })
    };
    let results: Vec<Result<Photo, LeftOut>> = all.par_iter().map(read).collect();
    let (mut good, mut left_out) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(photo) => good.push(photo),
            Err(photo) => {
                monitor.problem(&photo.path.display().to_string(), &photo.why);
                left_out.push(photo);
            }
        }
    }
    (good, left_out)
}

fn read(path: &Path, digest: Option<&str>) -> Result<Photo, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("cannot be read: {error}");
    // Before the bytes: whoever changes them in between has changed a photo that will be read again.
    let sighting = sighting(&fs::metadata(path).map_err(|error| unreadable(&error))?).hashed();
    let bytes = file::read(path).map_err(|error| unreadable(&error))?;
    let sha256 = Sha256Digest::of(&bytes);
    if digest.is_some_and(|digest| digest != sha256.to_string()) {
        return Err("has changed since it was measured".to_owned());
    }
    // What was measured within some limits comes in whatever the limits are now.
    let unlimited = ImageLimits { max_bytes: u64::MAX, max_pixels: u64::MAX };
    let (width, height) =
        decode_upright(&bytes, &unlimited).map_err(|error| unreadable(&error))?.dimensions();
    let camera = camera_tags(&bytes);
    Ok(Photo { path: path.to_owned(), sighting, sha256, bytes: bytes.len() as u64, camera, width, height })
}
