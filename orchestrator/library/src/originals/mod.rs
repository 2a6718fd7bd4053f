//! The one reader of originals, from wherever they lie: their pixels, for crops and pages, and their bytes
//! for workers ([`for_workers`]). What is read is the content that was analysed, or an error.

pub mod for_workers;
mod transcode;

use std::{
    io,
    path::{Path, PathBuf},
};

use facesets_base::{file, location::Location};
use facesets_core::{ImageLimits, Sha256Digest};
use facesets_imaging::{DecodeError, Photo, decode_rows_in};
use facesets_people::gallery::Content;

/// What was embedded within some limits may be looked at whatever the limits are now.
const UNLIMITED: ImageLimits = ImageLimits { max_bytes: u64::MAX, max_pixels: u64::MAX };

/// Bytes of pixels that are kept for the next photo; more go back to the system. 32 million pixels as cameras
/// store them.
const MAX_SPARE_BYTES: usize = 48 << 20;

/// A photo that is not what it was when it was analysed.
#[derive(Debug, thiserror::Error)]
pub enum PhotoError {
    /// No place where it lay can be read.
    #[error("cannot read `{path}`: {source}")]
    Unreadable {
        /// Its canonical path.
        path: PathBuf,
        /// Why that could not be read.
        source: io::Error,
    },
    /// Every place holds something else now.
    #[error(
        "`{path}` has changed since it was embedded; `facesets embed` looks at it anew, with `--rehash` in any case"
    )]
    Changed {
        /// Its canonical path.
        path: PathBuf,
    },
    /// Its pixels cannot be had.
    #[error("cannot decode `{path}`: {source}")]
    Decode {
        /// The path that was read.
        path: PathBuf,
        /// Why.
        source: DecodeError,
    },
}

/// Memory of photos that are done with, for the next: the system's own is as slow as a tenth of the decoding.
#[derive(Debug, Default)]
pub struct Spare {
    file: Vec<u8>,
    pixels: Vec<u8>,
}

impl Spare {
    /// Takes the memory of a photo back.
    pub fn take_back(&mut self, photo: Photo) {
        let pixels = photo.into_memory();
        if pixels.capacity() <= MAX_SPARE_BYTES {
            self.pixels = pixels;
        }
    }
}

/// The upright pixels of a content, from the first of its places that still holds it.
pub fn load(content: &Content) -> Result<Photo, PhotoError> {
    load_rows(content, u32::MAX, &mut Spare::default())
}

/// The same for somebody who looks at its first `rows` rows only; the others may not be there.
pub fn load_rows(content: &Content, rows: u32, spare: &mut Spare) -> Result<Photo, PhotoError> {
    let mut first_error = None;
    for path in content.locations.iter().map(Location::path) {
        match read(path, content.sha256, &mut spare.file) {
            Ok(()) => {
                return decode_rows_in(std::mem::take(&mut spare.pixels), &spare.file, &UNLIMITED, rows)
                    .map_err(|source| PhotoError::Decode { path: path.to_owned(), source });
            }
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    // A content without a place is not in a gallery; it would be one that has changed.
    Err(first_error.unwrap_or_else(|| PhotoError::Changed { path: PathBuf::new() }))
}

/// Reads a file that should have this digest.
fn read(path: &Path, sha256: Sha256Digest, bytes: &mut Vec<u8>) -> Result<(), PhotoError> {
    let unreadable = |source| PhotoError::Unreadable { path: path.to_owned(), source };
    let changed = || PhotoError::Changed { path: path.to_owned() };
    bytes.clear();
    let mut opened = file::open(path).map_err(unreadable)?;
    // Whatever lies there now need not fit into the memory: what is larger than most photos is looked through
    // first.
    let is_large = opened.metadata.len() > ImageLimits::default().max_bytes;
    if is_large && file::digest(path).map_err(unreadable)?.0 != sha256 {
        return Err(changed());
    }
    opened.read_whole(bytes).map_err(unreadable)?;
    if Sha256Digest::of(bytes) == sha256 { Ok(()) } else { Err(changed()) }
}
