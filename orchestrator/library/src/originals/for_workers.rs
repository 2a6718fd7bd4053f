//! A content's bytes, read again when it is about to be sent.

use std::{
    collections::HashMap,
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use facesets_base::{file, location::Location};
use facesets_core::{Sha256Digest, wire::Encoded};

use super::transcode;
use crate::{source::disk::sighting, store::Sighting};

/// A file that looks as it did when its digest was taken, inode included, and had not been touched for so
/// long before this run, still is what it was; any other is hashed again when it is sent. It is that long for
/// the sake of file servers' clocks.
const SETTLED: Duration = Duration::from_hours(24);

/// Why a content cannot be read any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// No file of it can be opened.
    #[error("cannot read it: {0}")]
    Unreadable(String),
    /// It was changed after its digest had been taken.
    #[error("it has changed since its digest was taken; the next `facesets embed` looks at it anew")]
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
    /// Where it lies.
    pub locations: Vec<KnownLocation>,
}

/// Where a content lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownLocation {
    /// Where.
    pub at: Location,
    /// What it looked like when its digest was taken, as far as is known.
    pub seen: Sighting,
}

impl AsRef<Location> for KnownLocation {
    fn as_ref(&self) -> &Location {
        &self.at
    }
}

/// A file as it is sent to workers: its bytes, or its pixels as PNG where they do not read its format.
pub fn read_for_worker(path: &Path) -> io::Result<Encoded> {
    file::read(path).map(transcode::for_worker)
}

impl Photos {
    /// None yet; `time` is when they begin to be looked at.
    pub fn hashed_since(time: SystemTime) -> Self {
        Self { photos: HashMap::new(), settled: time.checked_sub(SETTLED).unwrap_or(UNIX_EPOCH) }
    }

    /// Another file that holds a content; whether the content is here for the first time. `seen` is what it
    /// looked like when its digest was taken; of one of which nothing is known the digest is taken again.
    pub fn add(&mut self, sha256: Sha256Digest, bytes: u64, at: Location, seen: Sighting) -> bool {
        let photo = self.photos.entry(sha256).or_insert_with(|| Photo { bytes, locations: Vec::new() });
        photo.locations.push(KnownLocation { at, seen });
        photo.locations.len() == 1
    }

    /// Brings every content's files into byte order, so that the first is the canonical one.
    pub fn sort_locations(&mut self) {
        for photo in self.photos.values_mut() {
            photo.locations.sort_by(|a, b| a.at.cmp(&b.at));
        }
    }

    /// Number of contents.
    pub fn len(&self) -> usize {
        self.photos.len()
    }

    /// Number of files.
    pub fn files(&self) -> u64 {
        self.photos.values().map(|photo| photo.locations.len() as u64).sum()
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
        all.sort_by(|(_, a), (_, b)| a.locations[0].at.cmp(&b.locations[0].at));
        all
    }

    /// What to send of a content, from the first of its files that still holds it: its bytes, or its pixels
    /// as PNG where workers do not read its format.
    pub fn load(&self, sha256: &Sha256Digest) -> Result<Encoded, LoadError> {
        let mut error = LoadError::Unreadable("no file holds it".to_owned());
        let Some(photo) = self.get(sha256) else { return Err(error) };
        for place in &photo.locations {
            match self.read(place, photo.bytes) {
                Ok((bytes, Touched::Before)) => return Ok(transcode::for_worker(bytes)),
                Ok((bytes, Touched::Since)) if Sha256Digest::of(&bytes) == *sha256 => {
                    return Ok(transcode::for_worker(bytes));
                }
                Ok(_) => error = LoadError::Changed,
                // Of the size that it must have nothing was read.
                Err(io) if io.kind() == io::ErrorKind::InvalidData => error = LoadError::Changed,
                Err(io) => error = LoadError::Unreadable(io.to_string()),
            }
        }
        Err(error)
    }

    /// A file, and whether it can have changed since its digest was taken. One of another size than its
    /// content is not read.
    fn read(&self, place: &KnownLocation, bytes: u64) -> io::Result<(Vec<u8>, Touched)> {
        let mut opened = file::open(place.at.path())?;
        if opened.metadata.len() != bytes {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut read = Vec::new();
        opened.read_whole(&mut read)?;
        // Looked at afterwards, so that what was changed while it was read counts.
        let metadata = opened.file().metadata()?;
        // The change of the inode, which programs cannot set back; but some file systems mean something else
        // by it.
        let touched = metadata.ctime().max(metadata.mtime());
        let touched = UNIX_EPOCH + Duration::from_secs(u64::try_from(touched).unwrap_or(0));
        let is_still = touched < self.settled && place.seen.is_still(&sighting(&metadata));
        Ok((read, if is_still { Touched::Before } else { Touched::Since }))
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
            photos.add(sha256, 5, Location::file(path), Sighting::default());
        }
        assert_eq!(photos.load(&sha256).unwrap().data, "photo");
        fs::write(folder.path().join("good"), "other").unwrap();
        assert_eq!(photos.load(&sha256), Err(LoadError::Changed));
    }

    #[test]
    fn only_files_that_were_left_alone_for_long_are_taken_for_what_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let (sha256, path) = (Sha256Digest::of(b"photo"), folder.path().join("a"));
        fs::write(&path, "other").unwrap();
        // As old as it can be made to look from outside.
        fs::File::options().write(true).open(&path).unwrap().set_modified(UNIX_EPOCH).unwrap();
        let seen = sighting(&fs::metadata(&path).unwrap());
        let load = |time, seen| {
            let mut photos = Photos::hashed_since(time);
            photos.add(sha256, 5, Location::file(&path), seen);
            photos.load(&sha256)
        };
        let hour = Duration::from_hours(1);
        assert_eq!(load(SystemTime::now() + 23 * hour, seen.hashed()), Err(LoadError::Changed));
        let later = SystemTime::now() + 25 * hour;
        assert_eq!(load(later, seen.hashed()).unwrap().data, "other");
        // It had been edited before anybody looked, or between two runs: days ago is no excuse.
        assert_eq!(load(later, seen), Err(LoadError::Changed));
        assert_eq!(load(later, Sighting::default()), Err(LoadError::Changed));
        let before = Sighting { mtime_ns: 5, ..seen.hashed() };
        assert_eq!(load(later, before), Err(LoadError::Changed));
    }

    #[test]
    fn a_file_that_has_become_a_pipe_or_endless_is_an_error_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let sha256 = Sha256Digest::of(b"photo");
        let (pipe, zero) = (folder.path().join("pipe"), folder.path().join("zero"));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        std::os::unix::fs::symlink("/dev/zero", &zero).unwrap();
        for path in [pipe, zero] {
            let mut photos = Photos::default();
            photos.add(sha256, 5, Location::file(&path), Sighting::default());
            assert!(matches!(photos.load(&sha256), Err(LoadError::Unreadable(_))), "{}", path.display());
            assert!(read_for_worker(&path).is_err());
        }
    }
}
