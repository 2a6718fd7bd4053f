//! A content's bytes, read again when it is about to be sent.

use std::{collections::HashMap, fs, path::PathBuf};

use bytes::Bytes;
use facesets_core::Sha256Digest;

use super::transcode;

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
    photos: HashMap<Sha256Digest, Photo>,
}

/// A content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// Size in bytes.
    pub bytes: u64,
    /// Its files.
    pub paths: Vec<PathBuf>,
}

impl Photos {
    /// Another file that holds a content; whether the content is here for the first time.
    pub fn add(&mut self, sha256: Sha256Digest, bytes: u64, path: PathBuf) -> bool {
        let photo = self.photos.entry(sha256).or_insert_with(|| Photo { bytes, paths: Vec::new() });
        photo.paths.push(path);
        photo.paths.len() == 1
    }

    /// Brings every content's files into byte order, so that the first is the canonical one.
    pub fn sort_paths(&mut self) {
        for photo in self.photos.values_mut() {
            photo.paths.sort_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
        }
    }

    /// Number of contents.
    pub fn len(&self) -> usize {
        self.photos.len()
    }

    /// Number of files.
    pub fn files(&self) -> u64 {
        self.photos.values().map(|photo| photo.paths.len() as u64).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.photos.is_empty()
    }

    /// A content.
    pub fn get(&self, sha256: &Sha256Digest) -> Option<&Photo> {
        self.photos.get(sha256)
    }

    /// Every content, in the order of the first of its files: neighbours on disk are neighbours here.
    pub fn in_order(&self) -> Vec<(&Sha256Digest, &Photo)> {
        let mut all: Vec<_> = self.photos.iter().collect();
        all.sort_by(|(_, a), (_, b)| a.paths[0].as_os_str().cmp(b.paths[0].as_os_str()));
        all
    }

    /// What to send of a content, from the first of its files that still holds it: its bytes, or its pixels as PNG where workers do
    /// not read its format.
    pub fn load(&self, sha256: &Sha256Digest) -> Result<Bytes, LoadError> {
        let mut error = LoadError::Unreadable("no file holds it".to_owned());
        for path in self.get(sha256).map_or(&[][..], |photo| &photo.paths) {
            match fs::read(path) {
                Ok(bytes) if Sha256Digest::of(&bytes) == *sha256 => return Ok(transcode::for_worker(bytes)),
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
            photos.add(sha256, 5, path);
        }
        assert_eq!(photos.load(&sha256).unwrap(), "photo");
        fs::write(folder.path().join("good"), "other").unwrap();
        assert_eq!(photos.load(&sha256), Err(LoadError::Changed));
    }
}
