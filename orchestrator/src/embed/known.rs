//! What the store knows of files, found out in one pass over both in byte order.

use std::{
    ops::Range,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use crate::{
    source::disk::FoundFile,
    store::{Location, Store, StoreError, range_below},
};

/// Files found, beside what the store knows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    /// Those that are as they were when they were read.
    pub(super) unchanged: Vec<Location>,
    /// New ones, and those that are no longer as they were.
    pub(super) changed: Vec<FoundFile>,
    /// Files that were there the last time, lay at a root or below, and were not found. Some may only have been left out.
    pub(super) missing: Vec<PathBuf>,
}

/// Compares what was found under canonical `roots`. `files` are in byte order, each path once.
pub(super) fn compare(store: &Store, roots: &[PathBuf], files: &[FoundFile]) -> Result<Compared, StoreError> {
    let mut compared = Compared::default();
    let mut done: Vec<Range<usize>> = Vec::new();
    for root in outermost(roots) {
        let range = below(files, root);
        compared.take_below(store, root, &files[range.clone()])?;
        done.push(range);
        let is_found = files.binary_search_by(|file| file.path.as_os_str().cmp(root.as_os_str())).is_ok();
        if !is_found && let Some(location) = store.location(root)? {
            compared.take(None, Some(location));
        }
    }
    // Roots that are files, and files to which links lead.
    done.push(files.len()..files.len());
    done.sort_by_key(|range| range.start);
    let mut next = 0;
    for range in done {
        for file in &files[next..range.start.max(next)] {
            let location = store.location(&file.path)?;
            compared.take(Some(file), location);
        }
        next = range.end.max(next);
    }
    Ok(compared)
}

impl Compared {
    fn take_below(&mut self, store: &Store, root: &Path, files: &[FoundFile]) -> Result<(), StoreError> {
        let mut files = files.iter().peekable();
        store.each_location_below(root, |location| {
            let path = location.path.as_os_str();
            while let Some(file) = files.next_if(|file| file.path.as_os_str() < path) {
                self.take(Some(file), None);
            }
            let file = files.next_if(|file| file.path.as_os_str() == path);
            self.take(file, Some(location));
        })?;
        files.for_each(|file| self.take(Some(file), None));
        Ok(())
    }

    fn take(&mut self, file: Option<&FoundFile>, location: Option<Location>) {
        match (file, location) {
            (Some(file), Some(location)) if file.sighting == location.sighting => {
                self.unchanged.push(location);
            }
            (Some(file), _) => self.changed.push(file.clone()),
            (None, Some(location)) if !location.vanished => self.missing.push(location.path),
            (None, _) => {}
        }
    }
}

/// The roots without those that lie in another one.
fn outermost(roots: &[PathBuf]) -> Vec<&Path> {
    let mut kept: Vec<&Path> = Vec::new();
    let mut sorted: Vec<&Path> = roots.iter().map(PathBuf::as_path).collect();
    // By components, so that a folder stands directly before everything in it.
    sorted.sort();
    for root in sorted {
        if kept.last().is_none_or(|last| !root.starts_with(last)) {
            kept.push(root);
        }
    }
    kept
}

/// Which of the files lie below a folder.
fn below(files: &[FoundFile], folder: &Path) -> Range<usize> {
    let (first, end) = range_below(folder);
    let before = |limit: &[u8]| files.partition_point(|file| file.path.as_os_str().as_bytes() < limit);
    before(&first)..before(&end)
}

#[cfg(test)]
mod tests {
    use facesets_core::Sha256Digest;

    use super::*;
    use crate::{
        library::Library,
        store::{FileSystemPolicy, Record, Sighting, Writer},
    };

    const AS_IT_WAS: Sighting = Sighting { size: 1, mtime_ns: 1 };
    const CHANGED: Sighting = Sighting { size: 1, mtime_ns: 2 };

    fn compared(known: &[&str], roots: &[&str], found: &[(&str, Sighting)]) -> Compared {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::new(folder.path().join("library"));
        let mut writer = Writer::open(&library, FileSystemPolicy::Refuse).unwrap();
        let located = |path: &&str| Record::Located { location: location(path), bytes: 1 };
        writer.commit(&known.iter().map(located).collect::<Vec<_>>()).unwrap();
        writer.commit(&[Record::Vanished { path: "/a/vanished".into() }]).unwrap();
        let roots: Vec<PathBuf> = roots.iter().map(PathBuf::from).collect();
        let mut files: Vec<FoundFile> = found
            .iter()
            .map(|(path, sighting)| FoundFile { path: path.into(), sighting: *sighting })
            .collect();
        files.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        compare(writer.store(), &roots, &files).unwrap()
    }

    fn location(path: &str) -> Location {
        let sha256 = Sha256Digest::of(path.as_bytes());
        Location { path: path.into(), sha256, sighting: AS_IT_WAS, vanished: false }
    }

    fn paths(files: &[FoundFile]) -> Vec<&str> {
        files.iter().map(|file| file.path.to_str().unwrap()).collect()
    }

    #[test]
    fn files_are_unchanged_changed_or_missing() {
        let known = ["/a/1", "/a/2", "/a/3", "/a/vanished", "/b/1"];
        let found = [("/a/0", CHANGED), ("/a/1", AS_IT_WAS), ("/a/3", CHANGED), ("/a/4", AS_IT_WAS)];
        let compared = compared(&known, &["/a"], &found);
        assert_eq!(compared.unchanged, [location("/a/1")]);
        assert_eq!(paths(&compared.changed), ["/a/0", "/a/3", "/a/4"]);
        assert_eq!(compared.missing, [PathBuf::from("/a/2")]);
    }

    #[test]
    fn roots_in_any_order_within_each_other_and_with_similar_names_are_told_apart() {
        let known = ["/a", "/a-b/1", "/a/b/1", "/a/c", "/ab", "/elsewhere/1", "/elsewhere/2"];
        let found = ["/a-b/1", "/a/b/1", "/ab", "/elsewhere/1"].map(|path| (path, AS_IT_WAS));
        let compared = compared(&known, &["/a/b", "/ab", "/a", "/a-b"], &found);
        let mut unchanged: Vec<_> = compared.unchanged.into_iter().map(|location| location.path).collect();
        unchanged.sort();
        assert_eq!(unchanged, ["/a/b/1", "/a-b/1", "/ab", "/elsewhere/1"].map(PathBuf::from));
        assert!(compared.changed.is_empty());
        assert_eq!(compared.missing, ["/a/c", "/a"].map(PathBuf::from));
    }
}
