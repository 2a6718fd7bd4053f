//! Photos read again long after they were scanned.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use facesets_core::{ImageLimits, Sha256Digest};
use facesets_imaging::{DecodeError, RgbImage, decode_upright};

use crate::gallery::Content;

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
    #[error("`{path}` has changed since it was embedded")]
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

/// The upright pixels of a content, from the first of its places that still holds it.
pub fn load(content: &Content, limits: &ImageLimits) -> Result<RgbImage, PhotoError> {
    let mut first_error = None;
    for path in &content.paths {
        match read(path, content.sha256) {
            Ok(bytes) => {
                return decode_upright(&bytes, limits)
                    .map_err(|source| PhotoError::Decode { path: path.clone(), source });
            }
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    // A content without a place is not in a gallery; it would be one that has changed.
    Err(first_error.unwrap_or_else(|| PhotoError::Changed { path: PathBuf::new() }))
}

fn read(path: &Path, sha256: Sha256Digest) -> Result<Vec<u8>, PhotoError> {
    let bytes = fs::read(path).map_err(|source| PhotoError::Unreadable { path: path.to_owned(), source })?;
    if Sha256Digest::of(&bytes) == sha256 {
        Ok(bytes)
    } else {
        Err(PhotoError::Changed { path: path.to_owned() })
    }
}
