//! Where a photo lies.

use std::{
    cmp::Ordering,
    ffi::OsString,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use crate::paths::path_text;

/// Where a photo lies: the path of a file, absolute. An asset of a server will be another kind of it.
///
/// Locations are ordered by their bytes, as the store has them: the first of several is the same one on every
/// machine and in every language.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location(PathBuf);

impl Location {
    /// That of a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Its bytes, by which the store knows it.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_os_str().as_bytes()
    }

    /// The location of these bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(OsString::from_vec(bytes).into())
    }

    /// As text for manifests and messages; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        path_text(&self.0)
    }

    /// Whether it is `root` or lies below it.
    pub fn is_below(&self, root: &Path) -> bool {
        self.0.starts_with(root)
    }
}

impl AsRef<Self> for Location {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl Ord for Location {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

impl PartialOrd for Location {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_bytes_and_not_that_of_folders() {
        // As paths, `a/b` comes before `a-b`, since its first folder does.
        let mut locations = ["/a/b", "/a-b", "/a"].map(Location::file);
        locations.sort();
        assert_eq!(locations.map(|location| location.text()), ["/a", "/a-b", "/a/b"]);
        assert!(Path::new("/a/b") < Path::new("/a-b"));
    }

    #[test]
    fn bytes_that_are_no_text_come_back_as_they_were() {
        let location = Location::from_bytes(b"/photos/\xff.jpg".to_vec());
        assert_eq!(
            (location.bytes(), location.text().as_str()),
            (&b"/photos/\xff.jpg"[..], "/photos/\u{fffd}.jpg")
        );
        assert_eq!(Location::file(location.path()), location);
    }
}
