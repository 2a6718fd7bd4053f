//! Folders on disk: which files are candidates, without reading any.

use std::{
    fs, io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use facesets_imaging::PHOTO_EXTENSIONS;
use tokio_util::sync::CancellationToken;
use walkdir::{DirEntry, WalkDir};

use crate::{exit::Hint, monitor::Monitor, store::Sighting};

/// A candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// Absolute path.
    pub path: PathBuf,
    /// What it looks like from outside.
    pub sighting: Sighting,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// What lies under some roots.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Candidates, each once, in byte order of their paths.
    pub files: Vec<FoundFile>,
    /// Files that are no photos by their extension.
    pub other: u64,
    /// Symbolic links, which are not followed.
    pub symlinks: u64,
    /// Folders and files that could not be looked at.
    pub unreadable: Vec<Unreadable>,
}

/// A root that cannot be scanned at all.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// Mistyped, most likely.
    #[error("there is no file or folder `{0}`")]
    Missing(PathBuf),
    /// No current folder, for instance.
    #[error("cannot make `{path}` an absolute path: {source}")]
    Absolute {
        /// The root.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Hint for ScanError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing(_) => Some("check the spelling, and whether the disk is mounted".to_owned()),
            Self::Absolute { .. } => None,
        }
    }
}

/// The roots as canonical paths (absolute, without `..` and symbolic links): a file has one path, however it was named.
pub fn absolute_roots(roots: &[PathBuf]) -> Result<Vec<PathBuf>, ScanError> {
    let absolute = |path: &PathBuf| {
        fs::canonicalize(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ScanError::Missing(path.clone()),
            _ => ScanError::Absolute { path: path.clone(), source },
        })
    };
    roots.iter().map(absolute).collect()
}

/// Looks at everything under absolute `roots`, folders or files; a file that is named itself is a candidate whatever its extension. Hidden files and folders below a root are passed over.
///
/// When `cancelled`, it ends early with what it has.
pub fn scan(roots: &[PathBuf], monitor: &dyn Monitor, cancelled: &CancellationToken) -> Scan {
    let mut scan = Scan::default();
    for root in roots {
        let walk = WalkDir::new(root).sort_by_file_name().into_iter();
        for entry in walk.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry)) {
            if cancelled.is_cancelled() {
                return scan;
            }
            let seen = entry.and_then(|entry| look_at(&entry, &mut scan));
            if let Err(error) = seen {
                scan.unreadable.push(unreadable(&error, root));
            }
            monitor.advance(1);
        }
    }
    let key = |file: &FoundFile| file.path.as_os_str().as_bytes().to_vec();
    scan.files.sort_by_cached_key(key);
    scan.files.dedup();
    scan
}

fn look_at(entry: &DirEntry, scan: &mut Scan) -> Result<(), walkdir::Error> {
    let kind = entry.file_type();
    if kind.is_symlink() {
        scan.symlinks += 1;
    } else if kind.is_file() && (entry.depth() == 0 || is_candidate(entry.path())) {
        let metadata = entry.metadata()?;
        let mtime_ns = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
        let sighting = Sighting { size: metadata.len(), mtime_ns };
        scan.files.push(FoundFile { path: entry.path().to_owned(), sighting });
    } else if kind.is_file() {
        scan.other += 1;
    }
    Ok(())
}

fn is_candidate(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    extension.is_some_and(|extension| PHOTO_EXTENSIONS.contains(&extension.as_str()))
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_bytes().starts_with(b".")
}

fn unreadable(error: &walkdir::Error, root: &Path) -> Unreadable {
    let path = error.path().unwrap_or(root).to_owned();
    let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
    Unreadable { path, reason }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::fs::PermissionsExt as _};

    use super::*;
    use crate::monitor::Silent;

    fn scan_all(root: &Path) -> Scan {
        scan(&[root.to_owned()], &Silent, &CancellationToken::new())
    }

    fn names(scan: &Scan, root: &Path) -> Vec<PathBuf> {
        scan.files.iter().map(|file| file.path.strip_prefix(root).unwrap().to_owned()).collect()
    }

    #[test]
    fn photos_are_found_by_extension_in_byte_order() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("b/.thumbnails")).unwrap();
        for name in
            ["b/x.JPG", "b-1.jpeg", "a.txt", "noextension", ".hidden.jpg", "b/.thumbnails/t.jpg", "z.png"]
        {
            fs::write(folder.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("z.png", folder.path().join("link.png")).unwrap();
        let scan = scan_all(folder.path());
        assert_eq!(names(&scan, folder.path()), ["b-1.jpeg", "b/x.JPG", "z.png"].map(PathBuf::from));
        assert_eq!((scan.other, scan.symlinks), (2, 1));
        assert_eq!(scan.files[0].sighting.size, 8);
        assert!(scan.unreadable.is_empty());
    }

    #[test]
    fn a_file_under_two_roots_is_found_once() {
        let folder = tempfile::tempdir().unwrap();
        let photo = folder.path().join("a.jpg");
        fs::write(&photo, "a").unwrap();
        let roots = [folder.path().to_owned(), photo, folder.path().to_owned()];
        let scan = scan(&absolute_roots(&roots).unwrap(), &Silent, &CancellationToken::new());
        assert_eq!(scan.files.len(), 1);
    }

    #[test]
    fn names_that_are_no_utf8_or_very_long_are_kept_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let broken = OsStr::from_bytes(b"caf\xe9.jpg");
        // Greek letters take two bytes each; a name may have 255 bytes.
        let long = format!("{}.jpg", "ω".repeat(125));
        fs::write(folder.path().join(broken), "1").unwrap();
        fs::write(folder.path().join(&long), "2").unwrap();
        let expected = [PathBuf::from(broken), PathBuf::from(long)];
        assert_eq!(names(&scan_all(folder.path()), folder.path()), expected);
    }

    #[test]
    fn an_unreadable_folder_is_named_and_the_rest_is_found() {
        if rustix::process::geteuid().is_root() {
            return; // Nothing is unreadable to root.
        }
        let folder = tempfile::tempdir().unwrap();
        let closed = folder.path().join("closed");
        fs::create_dir(&closed).unwrap();
        fs::write(folder.path().join("open.jpg"), "1").unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o0)).unwrap();
        let scan = scan_all(folder.path());
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(scan.files.len(), 1);
        let expected = Unreadable { path: closed, reason: "Permission denied (os error 13)".to_owned() };
        assert_eq!(scan.unreadable, [expected]);
    }

    #[test]
    fn a_root_that_is_not_there_is_an_error() {
        let error = absolute_roots(&[PathBuf::from("/no/such/folder")]).unwrap_err();
        assert!(matches!(error, ScanError::Missing(_)) && error.hint().is_some());
    }
}
