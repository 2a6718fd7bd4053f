//! A content's bytes, read again when it is about to be sent.

use std::{collections::HashMap, fs, path::PathBuf};

use bytes::Bytes;
use facesets_core::Sha256Digest;

/// Why a content cannot be read any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// No file of it can be opened.
    #[error("cannot read it: {0}")]
    Unreadable(String),
    /// It was changed after it had been hashed.
    #[error("it changed while `facesets` ran")]
    Changed,
}

/// Contents by digest, and the files that held them when they were hashed.
#[derive(Debug, Default)]
pub struct Photos {
    paths: HashMap<Sha256Digest, Vec<PathBuf>>,
}

impl Photos {
    /// Another file that holds a content.
    pub fn add(&mut self, sha256: Sha256Digest, path: PathBuf) {
        self.paths.entry(sha256).or_default().push(path);
    }

    /// The files of a content, in the order in which they were added.
    pub fn paths(&self, sha256: &Sha256Digest) -> &[PathBuf] {
        self.paths.get(sha256).map_or(&[], Vec::as_slice)
    }

    /// Every content.
    pub fn contents(&self) -> impl ExactSizeIterator<Item = (&Sha256Digest, &[PathBuf])> {
        self.paths.iter().map(|(sha256, paths)| (sha256, paths.as_slice()))
    }

    /// The bytes of a content, from the first of its files that still holds them.
    pub fn load(&self, sha256: &Sha256Digest) -> Result<Bytes, LoadError> {
        let mut error = LoadError::Unreadable("no file holds it".to_owned());
        for path in self.paths(sha256) {
            match fs::read(path) {
                Ok(bytes) if Sha256Digest::of(&bytes) == *sha256 => return Ok(bytes.into()),
                Ok(_) => error = LoadError::Changed,
                Err(io) => error = LoadError::Unreadable(io.to_string()),
            }
        }
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_helps_when_the_first_file_has_changed_or_gone() {
        let folder = tempfile::tempdir().unwrap();
        let sha256 = Sha256Digest::of(b"photo");
        let mut photos = Photos::default();
        for (name, text) in [("gone", None), ("changed", Some("other")), ("good", Some("photo"))] {
            let path = folder.path().join(name);
            if let Some(text) = text {
                fs::write(&path, text).unwrap();
            }
            photos.add(sha256, path);
        }
        assert_eq!(photos.load(&sha256).unwrap(), "photo");
        fs::write(folder.path().join("good"), "other").unwrap();
        assert_eq!(photos.load(&sha256), Err(LoadError::Changed));
    }
}
