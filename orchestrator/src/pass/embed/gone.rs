//! Which files are gone, and which only cannot be reached: a disk that is not mounted looks much like a
//! folder that somebody has emptied.
//!
//! [`fate`] and [`is_unusual`] decide, [`Disk`] looks, [`judge`] puts both together.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use facesets_base::monitor::Monitor;
use facesets_library::store::{Absence, LocationRecord};

use super::Losses;

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// A file; of a folder: somewhere in it is one.
    File,
    /// A folder in which is no file, hidden ones apart: what an unmounted disk leaves behind.
    EmptyFolder,
    /// Nothing.
    Nothing,
    /// Nobody can say: permissions, an I/O error.
    Unknown,
}

/// What has become of a file that a scan did not find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileState {
    /// It is where it was: the scan left it out.
    There,
    /// It was deleted, moved or renamed.
    Gone,
    /// It cannot be reached: it may be back tomorrow.
    Away,
}

/// The fate of a file, from what is at its path and in the folders above it, the nearest first, up to where
/// the scan began.
///
/// Whether it is gone is seen from the nearest folder that is there: it is if other files are in that folder,
/// else the folder may be where a disk was.
fn fate(at_path: Seen, above: impl IntoIterator<Item = Seen>) -> FileState {
    match at_path {
        Seen::File => FileState::There,
        Seen::Unknown => FileState::Away,
        Seen::Nothing | Seen::EmptyFolder => {
            match above.into_iter().find(|folder| *folder != Seen::Nothing) {
                Some(Seen::File) => FileState::Gone,
                _ => FileState::Away,
            }
        }
    }
}

/// Losing so many photos at once is nothing unusual, however few there were: people delete a bad series.
const USUAL_LOSS: usize = 20;

/// Whether so many photos that are gone, all at once, look like a fault rather than like somebody at work: of
/// `had` photos below a folder more than half are lost, those not counted that now lie elsewhere or in whose
/// place others have come. A part of a disk that is combined of several (mergerfs, a share that was not
/// synchronised) can be away while its folders are there.
fn is_unusual(had: usize, lost: usize, come: usize) -> bool {
    let lost = lost.saturating_sub(come);
    lost > USUAL_LOSS && lost > had / 2
}

/// What has become of the files that a scan did not find, those left out that are where they were.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// Those that are not there.
    pub(super) absent: Vec<(LocationRecord, Absence)>,
    /// The roots with how many look gone there: so many that it is not believed.
    doubted: Vec<(PathBuf, usize)>,
}

/// What there was before a scan, and what there is.
pub(super) struct Scanned<'a> {
    /// Outermost roots with the number of places that were known there.
    pub(super) had: &'a [(PathBuf, usize)],
    /// Photos that have come, those not counted that have only moved as far as that is known.
    pub(super) come: usize,
    /// Whether the scan has found a content.
    pub(super) is_found: &'a dyn Fn(&LocationRecord) -> bool,
    /// Whether it has found a content at a place where that was not before.
    pub(super) has_arrived: &'a dyn Fn(&LocationRecord) -> bool,
}

/// Looks after the `missing`. More than is usual is only taken to be gone where the user says so.
pub(super) fn judge(missing: Vec<LocationRecord>, scanned: &Scanned<'_>, losses: Losses) -> Judged {
    let mut judged = Judged::default();
    let mut disk = Disk::default();
    let mut rest = missing;
    for (root, had) in scanned.had {
        let (here, others): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|location| location.at.is_below(root));
        rest = others;
        let fates = here.into_iter().map(|location| (disk.fate(location.at.path(), root), location));
        let fates: Vec<(FileState, LocationRecord)> =
            fates.filter(|(fate, _)| *fate != FileState::There).collect();
        let lost = fates
            .iter()
            .filter(|(fate, location)| *fate == FileState::Gone && !(scanned.is_found)(location))
            .count();
        let is_doubted = losses == Losses::Doubt && is_unusual(*had, lost, scanned.come);
        if is_doubted {
            judged.doubted.push((root.clone(), lost));
        }
        judged.absent.extend(fates.into_iter().map(|(fate, location)| {
            // Whoever moves everything out of a folder leaves an empty one.
            let is_gone = (scanned.has_arrived)(&location) || fate == FileState::Gone && !is_doubted;
            (location, if is_gone { Absence::Gone } else { Absence::Away })
        }));
    }
    judged
}

impl Judged {
    /// How many have this fate.
    pub(super) fn count(&self, absence: Absence) -> u64 {
        self.absent.iter().filter(|(_, of)| *of == absence).count() as u64
    }

    /// How many were there, as far as was known.
    pub(super) fn newly(&self) -> u64 {
        self.absent.iter().filter(|(location, _)| !location.vanished).count() as u64
    }

    /// Whether any of them lay below a root.
    pub(super) fn knows_any_below(&self, root: &Path) -> bool {
        self.absent.iter().any(|(location, _)| location.at.is_below(root))
    }

    /// Says what should not be overlooked; `is_empty` is whether nothing was found at a root and below it.
    pub(super) fn tell(
        &self,
        had: &[(PathBuf, usize)],
        is_empty: &dyn Fn(&Path) -> bool,
        monitor: &dyn Monitor,
    ) {
        for (root, had) in had {
            let name = root.display().to_string();
            if let Some((_, lost)) = self.doubted.iter().find(|(doubted, _)| doubted == root) {
                monitor.problem(
                    &name,
                    &format!(
                        "{lost} of {had} photos are missing from folders that are there; they count as before. If a part of the disk \
                         is away, bring it back and run the same command again; if they were deleted, say so with `--accept-gone`"
                    ),
                );
                continue;
            }
            let away = self
                .absent
                .iter()
                .filter(|(location, absence)| *absence == Absence::Away && location.at.is_below(root))
                .count();
            if away == 0 {
                continue;
            }
            let what = if is_empty(root) {
                format!("all {away} photos that were known here have vanished: is the disk mounted?")
            } else {
                format!(
                    "{away} photos are not there, and nothing else in their folders is: is a disk not mounted?"
                )
            };
            let advice =
                "They count as before; if they were deleted for good, `facesets store forget PATH` says so";
            monitor.problem(&name, &format!("{what} {advice}"));
        }
    }
}

/// The disk, looked at once a folder.
#[derive(Debug, Default)]
struct Disk(HashMap<PathBuf, Seen>);

impl Disk {
    /// The fate of the file at `path`, which lay at `root` or below.
    fn fate(&mut self, path: &Path, root: &Path) -> FileState {
        let at_path = match fs::symlink_metadata(path) {
            // A folder of that name is another thing.
            Ok(metadata) if metadata.is_dir() => Seen::Nothing,
            Ok(_) => Seen::File,
            Err(error) => absent(&error),
        };
        fate(
            at_path,
            path.ancestors().skip(1).take_while(|folder| folder.starts_with(root)).map(|f| self.folder(f)),
        )
    }

    fn folder(&mut self, folder: &Path) -> Seen {
        if let Some(seen) = self.0.get(folder) {
            return *seen;
        }
        let seen = look_into(folder);
        self.0.insert(folder.to_owned(), seen);
        seen
    }
}

/// What is in a folder: goes on until it has found a file.
fn look_into(folder: &Path) -> Seen {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return absent(&error),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let Ok(entry) = entry else { return Seen::Unknown };
        match entry.file_type() {
            _ if entry.file_name().as_bytes().starts_with(b".") => {}
            Ok(kind) if kind.is_dir() => folders.push(entry.path()),
            Ok(_) => return Seen::File,
            Err(_) => return Seen::Unknown,
        }
    }
    let below = folders.iter().map(|folder| look_into(folder)).find(|seen| *seen == Seen::File);
    below.unwrap_or(Seen::EmptyFolder)
}

fn absent(error: &io::Error) -> Seen {
    let nothing = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
    if nothing.contains(&error.kind()) { Seen::Nothing } else { Seen::Unknown }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_seen() -> impl Strategy<Value = Seen> {
        prop::sample::select(vec![Seen::File, Seen::EmptyFolder, Seen::Nothing, Seen::Unknown])
    }

    proptest! {
        #[test]
        fn a_file_is_gone_only_if_the_nearest_folder_that_is_there_holds_others(
            at_path in any_seen(), above in prop::collection::vec(any_seen(), 0..5),
        ) {
            let nearest = above.iter().copied().find(|folder| *folder != Seen::Nothing);
            let fate = fate(at_path, above);
            prop_assert_eq!(fate == FileState::There, at_path == Seen::File);
            let is_not_there = [Seen::Nothing, Seen::EmptyFolder].contains(&at_path);
            prop_assert_eq!(fate == FileState::Gone, is_not_there && nearest == Some(Seen::File));
        }

        #[test]
        fn folders_beyond_the_nearest_one_that_is_there_change_nothing(
            gone in 0usize..4, nearest in any_seen(), beyond in prop::collection::vec(any_seen(), 0..4),
        ) {
            prop_assume!(nearest != Seen::Nothing);
            let near: Vec<Seen> = std::iter::repeat_n(Seen::Nothing, gone).chain([nearest]).collect();
            let all: Vec<Seen> = near.iter().copied().chain(beyond).collect();
            prop_assert_eq!(fate(Seen::Nothing, all), fate(Seen::Nothing, near));
        }

        #[test]
        fn a_loss_is_unusual_when_most_is_lost_for_nothing_in_return(
            had in 0usize..2000, lost in 0usize..2000, come in 0usize..2000,
        ) {
            prop_assume!(lost <= had);
            let unusual = is_unusual(had, lost, come);
            prop_assert!(!unusual || (lost > 20 && 2 * lost > had && come < lost));
            prop_assert!(!is_unusual(had, lost, lost), "as many have come");
            prop_assert!(unusual || !is_unusual(had, lost, come + 1), "more that come never make it worse");
            prop_assert_eq!(is_unusual(had, had, 0), had > 20);
        }
    }

    /// Files (or, with a `/` at the end, folders) below a new folder.
    fn disk(names: &[&str]) -> tempfile::TempDir {
        let disk = tempfile::tempdir().unwrap();
        for name in names {
            let path = disk.path().join(name);
            fs::create_dir_all(if name.ends_with('/') { &path } else { path.parent().unwrap() }).unwrap();
            if !name.ends_with('/') {
                fs::write(path, "").unwrap();
            }
        }
        disk
    }

    #[test]
    fn deleted_files_and_folders_are_gone_and_what_was_on_a_disk_that_is_not_mounted_is_away() {
        use FileState::{Away, Gone, There};
        for (there, path, expected) in [
            (&["b.jpg"][..], "a.jpg", Gone),
            (&["a.jpg"], "a.jpg", There),
            (&["notes.txt"], "a.jpg", Gone),
            (&["2011/b.jpg"], "a.jpg", Gone),
            (&["2011/b.jpg"], "2010/a.jpg", Gone),
            (&["2011/b.jpg"], "2010/05/a.jpg", Gone),
            (&["2010 renamed/a.jpg"], "2010/a.jpg", Gone),
            (&["a.jpg/b.jpg"], "a.jpg", Gone),
            (&["2010"], "2010/a.jpg", Gone),
            // Where a disk was, or a share: nothing, empty folders, or what a desktop has left behind.
            (&[], "a.jpg", Away),
            (&[], "2010/a.jpg", Away),
            (&["disk/", "b.jpg"], "disk/a.jpg", Away),
            (&["disk/", "b.jpg"], "disk/2010/a.jpg", Away),
            (&["disk1/", "disk2/"], "disk1/a.jpg", Away),
            (&["disk1/", "disk2/"], "a.jpg", Away),
            (&[".DS_Store", ".Trash-1000/files/c.jpg"], "a.jpg", Away),
        ] {
            let disk = disk(there);
            let fate = Disk::default().fate(&disk.path().join(path), disk.path());
            assert_eq!(fate, expected, "{there:?} {path}");
        }
        let nowhere = Path::new("/no/such/disk");
        assert_eq!(Disk::default().fate(&nowhere.join("a.jpg"), nowhere), Away);
    }
}
