//! What the store knows of files, found out in one pass over both in byte order.

use std::{
    collections::HashSet,
    ops::Range,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use facesets_base::location::Location;
use facesets_library::{
    source::disk::FoundFile,
    store::{InodeChange, LeftOut, LocationRecord, Store, StoreError, range_below},
};

/// Files found, beside what the store knows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    /// Those that are as they were when they were read.
    pub(super) unchanged: Vec<LocationRecord>,
    /// Those of them of which more is known now than in the store: they had vanished, or nobody had kept when
    /// their inodes changed.
    pub(super) to_note: Vec<LocationRecord>,
    /// New ones, and those that are no longer as they were.
    pub(super) changed: Vec<FoundFile>,
    /// Files that lay at a root or below, were not gone the last time, and were not found. Some may only have
    /// been left out.
    pub(super) missing: Vec<LocationRecord>,
    /// Places that are known and that this scan leaves out, whether the files are there or not.
    pub(super) left_out: Vec<(PathBuf, LeftOut)>,
    /// Those of `changed` that are new: at their places was nothing, or what was gone.
    pub(super) new: HashSet<PathBuf>,
    /// How many places that were not gone are known at each outermost root and below it.
    pub(super) had: Vec<(PathBuf, usize)>,
    /// Places whose files were gone before.
    pub(super) gone: HashSet<PathBuf>,
}

/// Why the scan leaves a path out.
pub(super) type LeavesOut<'a> = dyn Fn(&Path) -> Option<LeftOut> + 'a;

/// Compares what was found under canonical `roots`. `files` are in byte order, each path once.
pub(super) fn compare(
    store: &Store,
    roots: &[PathBuf],
    files: &[FoundFile],
    leaves_out: &LeavesOut<'_>,
) -> Result<Compared, StoreError> {
    let mut compared = Compared::default();
    let mut done: Vec<Range<usize>> = Vec::new();
    for root in outermost(roots) {
        compared.had.push((root.to_owned(), 0));
        let range = below(files, root);
        compared.gone.extend(store.gone_below(root)?);
        compared.take_below(store, root, &files[range.clone()], leaves_out)?;
        done.push(range);
        let is_found = files.binary_search_by(|file| file.path.as_os_str().cmp(root.as_os_str())).is_ok();
        if !is_found && let Some(location) = store.location(&Location::file(root))? {
            compared.take(None, Some(location), leaves_out);
        }
    }
    // Roots that are files, and files to which links lead.
    done.push(files.len()..files.len());
    done.sort_by_key(|range| range.start);
    let mut next = 0;
    for range in done {
        for file in &files[next..range.start.max(next)] {
            let location = store.location(&Location::file(&file.path))?;
            compared.take(Some(file), location, leaves_out);
        }
        next = range.end.max(next);
    }
    Ok(compared)
}

impl Compared {
    fn take_below(
        &mut self,
        store: &Store,
        root: &Path,
        files: &[FoundFile],
        leaves_out: &LeavesOut<'_>,
    ) -> Result<(), StoreError> {
        let mut files = files.iter().peekable();
        store.each_location_below(root, |location| {
            let path = location.at.path().as_os_str();
            while let Some(file) = files.next_if(|file| file.path.as_os_str() < path) {
                self.take(Some(file), None, leaves_out);
            }
            let file = files.next_if(|file| file.path.as_os_str() == path);
            self.take(file, Some(location), leaves_out);
        })?;
        files.for_each(|file| self.take(Some(file), None, leaves_out));
        Ok(())
    }

    fn take(
        &mut self,
        file: Option<&FoundFile>,
        location: Option<LocationRecord>,
        leaves_out: &LeavesOut<'_>,
    ) {
        let is_known = location.as_ref().is_some_and(|location| !self.gone.contains(location.at.path()));
        if let Some((_, had)) = self.had.last_mut() {
            *had += usize::from(is_known);
        }
        if !is_known {
            self.new.extend(file.map(|file| file.path.clone()));
        }
        match (file, location) {
            (Some(file), Some(location)) if location.sighting.looks_like(&file.sighting) => {
                if location.vanished || location.sighting.inode == InodeChange::Unknown {
                    let sighting = match location.sighting.inode {
                        InodeChange::Unknown => file.sighting,
                        _ => location.sighting,
                    };
                    self.to_note.push(LocationRecord { sighting, vanished: false, ..location.clone() });
                }
                self.unchanged.push(location);
            }
            (Some(file), _) => self.changed.push(file.clone()),
            (None, Some(location)) => {
                if let Some(reason) = leaves_out(location.at.path()) {
                    self.left_out.push((location.at.path().to_owned(), reason));
                }
                if is_known {
                    self.missing.push(location);
                }
            }
            (None, None) => {}
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
    use facesets_base::library::Library;
    use facesets_core::Sha256Digest;
    use facesets_library::store::{Absence, FileSystemPolicy, Record, Sighting, Writer};

    use super::*;

    const AS_IT_WAS: Sighting = Sighting { size: 1, mtime_ns: 1, inode: InodeChange::Seen(1) };
    const CHANGED: Sighting = Sighting { size: 1, mtime_ns: 2, inode: InodeChange::Seen(1) };
    const EDITED: Sighting = Sighting { size: 1, mtime_ns: 1, inode: InodeChange::Seen(2) };

    fn compared(known: &[&str], roots: &[&str], found: &[(&str, Sighting)]) -> Compared {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::new(folder.path().join("library"));
        let mut writer = Writer::open(&library, FileSystemPolicy::Refuse).unwrap();
        let located = |path: &&str| Record::Located { location: location(path), bytes: 1 };
        writer.commit(&known.iter().map(located).collect::<Vec<_>>()).unwrap();
        let absence = Absence::Gone;
        writer.commit(&[Record::Absent { path: "/a/vanished".into(), absence }]).unwrap();
        let roots: Vec<PathBuf> = roots.iter().map(PathBuf::from).collect();
        let mut files: Vec<FoundFile> = found
            .iter()
            .map(|(path, sighting)| FoundFile { path: path.into(), sighting: *sighting })
            .collect();
        files.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        let left_out = |path: &Path| path.starts_with("/a/@eaDir").then_some(LeftOut::System);
        compare(writer.store(), &roots, &files, &left_out).unwrap()
    }

    fn location(path: &str) -> LocationRecord {
        let sha256 = Sha256Digest::of(path.as_bytes());
        LocationRecord { at: Location::file(path), sha256, sighting: AS_IT_WAS, vanished: false }
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
        assert_eq!(compared.missing, [location("/a/2")]);
        assert_eq!(compared.had, [(PathBuf::from("/a"), 3)]);
        assert_eq!(compared.new, ["/a/0", "/a/4"].map(PathBuf::from).into());
    }

    #[test]
    fn a_file_that_was_edited_with_its_time_kept_has_changed() {
        let compared = compared(&["/a/1"], &["/a"], &[("/a/1", EDITED)]);
        assert_eq!((paths(&compared.changed), compared.unchanged), (vec!["/a/1"], vec![]));
    }

    #[test]
    fn what_is_known_and_left_out_is_told_whether_it_is_there_or_not() {
        let compared =
            compared(&["/a/1", "/a/@eaDir/1", "/a/@eaDir/2"], &["/a"], &[("/a/@eaDir/2", AS_IT_WAS)]);
        assert_eq!(compared.left_out, [("/a/@eaDir/1".into(), LeftOut::System)]);
        assert_eq!(compared.unchanged, [location("/a/@eaDir/2")], "another root takes it");
    }

    #[test]
    fn roots_in_any_order_within_each_other_and_with_similar_names_are_told_apart() {
        let known = ["/a", "/a-b/1", "/a/b/1", "/a/c", "/ab", "/elsewhere/1", "/elsewhere/2"];
        let found = ["/a-b/1", "/a/b/1", "/ab", "/elsewhere/1"].map(|path| (path, AS_IT_WAS));
        let compared = compared(&known, &["/a/b", "/ab", "/a", "/a-b"], &found);
        let mut unchanged: Vec<_> =
            compared.unchanged.into_iter().map(|location| location.at.path().to_owned()).collect();
        unchanged.sort();
        assert_eq!(unchanged, ["/a/b/1", "/a-b/1", "/ab", "/elsewhere/1"].map(PathBuf::from));
        assert!(compared.changed.is_empty());
        assert_eq!(compared.missing, ["/a/c", "/a"].map(location));
    }
}
