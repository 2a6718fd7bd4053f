//! A content's bytes, read again when it is about to be sent.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use facesets_core::Sha256Digest;

use super::transcode;

/// A file that has not been touched since so long before the digests were taken still is what it was then; any other is hashed again
/// when it is sent. It is that long for the sake of file servers' clocks.
const SETTLED: Duration = Duration::from_hours(24);

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
#[derive(Debug)]
pub struct Photos {
    photos: HashMap<Sha256Digest, Photo>,
    /// Files that were touched after this are hashed again.
    settled: SystemTime,
}

impl Default for Photos {
    fn default() -> Self {
        Self::hashed_since(SystemTime::now())
    }
}

/// A content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// Size in bytes.
    pub bytes: u64,
    /// Its files.
    pub paths: Vec<PathBuf>,
}

/// A file as it is sent to workers: its bytes, or its pixels as PNG where they do not read its format.
pub fn read_for_worker(path: &Path) -> io::Result<Bytes> {
    std::fs::read(path).map(transcode::for_worker)
}

impl Photos {
    /// None yet; whatever will be known of their digests is found out at `time` or later.
    pub fn hashed_since(time: SystemTime) -> Self {
        Self { photos: HashMap::new(), settled: time.checked_sub(SETTLED).unwrap_or(UNIX_EPOCH) }
    }

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
            match self.read(path) {
                Ok((bytes, Touched::Before)) => return Ok(transcode::for_worker(bytes)),
                Ok((bytes, Touched::Since)) if Sha256Digest::of(&bytes) == *sha256 => {
                    return Ok(transcode::for_worker(bytes));
                }
                Ok(_) => error = LoadError::Changed,
                Err(io) => error = LoadError::Unreadable(io.to_string()),
            }
        }
        Err(error)
    }

    /// A file, and whether it can have changed since its digest was taken.
    fn read(&self, path: &Path) -> io::Result<(Vec<u8>, Touched)> {
        let mut file = File::open(path)?;
        let mut bytes = Vec::with_capacity(file.metadata()?.len() as usize);
        file.read_to_end(&mut bytes)?;
        // Looked at afterwards, so that what was changed while it was read counts.
        let metadata = file.metadata()?;
        // The change of the inode, which programs cannot set back; but some file systems mean something else by it.
        let touched = metadata.ctime().max(metadata.mtime());
        let touched = UNIX_EPOCH + Duration::from_secs(u64::try_from(touched).unwrap_or(0));
        Ok((bytes, if touched < self.settled { Touched::Before } else { Touched::Since }))
    }
}

/// When a file was touched last.
#[derive(Debug, PartialEq, Eq)]
enum Touched {
    /// Long before its digest was taken.
    Before,
    /// Perhaps after that.
    Since,
}

#[cfg(test)]
mod tests {
    use std::fs;

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

    #[test]
    fn only_files_that_were_left_alone_for_long_are_taken_for_what_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let (sha256, path) = (Sha256Digest::of(b"photo"), folder.path().join("a"));
        fs::write(&path, "other").unwrap();
        // As old as it can be made to look from outside.
        File::options().write(true).open(&path).unwrap().set_modified(UNIX_EPOCH).unwrap();
        let load = |time| {
            let mut photos = Photos::hashed_since(time);
            photos.add(sha256, 5, path.clone());
            photos.load(&sha256)
        };
        let hour = Duration::from_hours(1);
        assert_eq!(load(SystemTime::now() + 23 * hour), Err(LoadError::Changed));
        assert_eq!(load(SystemTime::now() + 25 * hour).unwrap(), "other");
    }
}
