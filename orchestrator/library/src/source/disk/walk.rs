//! The walk through the folders: real folders first, then where symbolic links lead.

use std::{
    borrow::Cow,
    collections::HashSet,
    fs::{self, Metadata},
    io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use facesets_base::{monitor::Monitor, output::holds_our_pictures};
use tokio_util::sync::CancellationToken;
use walkdir::{DirEntry, WalkDir};

use super::{FoundFile, Hidden, Scan, ScanOptions, Symlinks, SystemFolders, Unreadable, system, unnamed};
use crate::store::{InodeChange, Sighting};

/// Steps of the walk between two words to the monitor.
const STEPS_A_WORD: u64 = 64;

/// A walk under way.
pub(super) struct Walk<'a> {
    options: &'a ScanOptions,
    monitor: &'a dyn Monitor,
    cancelled: &'a CancellationToken,
    scan: Scan,
    /// Links to follow, and what their paths are relative to their roots.
    links: Vec<(PathBuf, PathBuf)>,
    /// Folders that were entered; only kept when links are followed.
    entered: HashSet<PathBuf>,
    /// Whether the roots are done.
    following: bool,
    /// Whether the root is, or lies in, what a command wrote: then the user wants that.
    within_output: bool,
    steps: u64,
    extent: Extent,
}

/// How far a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// To the end.
    Everything,
    /// To the first photo.
    FirstPhoto,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        options: &'a ScanOptions,
        monitor: &'a dyn Monitor,
        cancelled: &'a CancellationToken,
        extent: Extent,
    ) -> Self {
        let (links, entered) = (Vec::new(), HashSet::new());
        Self {
            options,
            monitor,
            cancelled,
            scan: Scan::default(),
            links,
            entered,
            following: false,
            within_output: false,
            steps: 0,
            extent,
        }
    }

    /// Everything below the canonical `roots`, files in byte order of their paths.
    pub(super) fn through(mut self, roots: &[PathBuf]) -> Scan {
        for root in roots {
            self.within_output = root.ancestors().any(holds_our_pictures);
            self.below(root, Path::new(""));
        }
        self.following = true;
        self.within_output = false;
        // Links lead to more links; each folder is entered once, so that this ends.
        while !self.links.is_empty() {
            let mut links = std::mem::take(&mut self.links);
            links.sort_by(|(a, _), (b, _)| a.as_os_str().cmp(b.as_os_str()));
            for (link, relative) in links {
                self.follow(&link, &relative);
            }
        }
        self.monitor.advance(self.steps);
        let mut scan = self.scan;
        scan.sort_files();
        let Scan { files, unnamed, .. } = &mut scan;
        // A link may have named what had no name.
        let is_new = |file: &FoundFile| {
            files.binary_search_by(|other| other.path.as_os_str().cmp(file.path.as_os_str())).is_err()
        };
        unnamed.sort_unstable_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        unnamed.dedup_by(|a, b| a.path == b.path);
        unnamed.retain(is_new);
        // Roots are looked at in their own right.
        scan.outputs.retain(|output| !roots.contains(output));
        scan.outputs.sort_unstable();
        scan.outputs.dedup();
        scan
    }

    /// What lies in a folder, or a file. `prefix` is what its path is for the patterns, empty for a root.
    fn below(&mut self, top: &Path, prefix: &Path) {
        let mut walk = WalkDir::new(top).into_iter();
        while let Some(entry) = walk.next() {
            let has_enough = self.extent == Extent::FirstPhoto && !self.scan.files.is_empty();
            if has_enough || self.cancelled.is_cancelled() {
                return;
            }
            self.step();
            match entry {
                Ok(entry) => {
                    if !self.look_at(&entry, top, prefix) && entry.file_type().is_dir() {
                        walk.skip_current_dir();
                    }
                }
                Err(error) => {
                    let path = error.path().unwrap_or(top).to_owned();
                    let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                    self.scan.unreadable.push(Unreadable { path, reason });
                }
            }
        }
    }

    /// Counts an entry or takes it; whether a folder is to be entered.
    fn look_at(&mut self, entry: &DirEntry, top: &Path, prefix: &Path) -> bool {
        let (kind, path) = (entry.file_type(), entry.path());
        // Whatever was named by the user, or found by a link that was looked at already, is wanted.
        let is_top = entry.depth() == 0;
        let is_root = is_top && prefix.as_os_str().is_empty();
        let is_asked_for = kind.is_symlink() || !self.options.filter.is_empty();
        let below = if is_asked_for { path.strip_prefix(top).unwrap_or(path) } else { Path::new("") };
        // Only patterns and links ask for it: taking paths apart costs as much as looking at the file.
        let relative = match (is_top, prefix.as_os_str().is_empty()) {
            (true, _) => Cow::Borrowed(prefix),
            (false, true) => Cow::Borrowed(below),
            (false, false) => Cow::Owned(prefix.join(below)),
        };
        // Before anything else, so that whoever excludes what would be passed over anyway hears that the
        // pattern matches.
        let is_excluded = !is_root && self.options.filter.excludes(&relative);
        if !is_top && !is_excluded && self.passes_over_by_name(entry) {
            return false;
        }
        if kind.is_symlink() && self.options.symlinks == Symlinks::Skip {
            self.scan.symlinks += 1;
            return false;
        }
        let is_photo = is_top || unnamed::is_named_as_a_photo(path);
        if kind.is_file() && !is_photo {
            self.look_at_unnamed(entry, &relative, is_excluded);
            return false;
        }
        if is_excluded {
            self.scan.excluded += 1;
            return false;
        }
        if kind.is_symlink() {
            self.links.push((path.to_owned(), relative.into_owned()));
            false
        } else if kind.is_dir() {
            if !is_root && !self.within_output && holds_our_pictures(path) {
                self.scan.outputs.push(path.to_owned());
                return false;
            }
            let is_new = self.options.symlinks == Symlinks::Skip || self.entered.insert(path.to_owned());
            is_new || !self.following
        } else if kind.is_file() {
            let found = entry.metadata().map_err(|error| io::Error::from(error).to_string());
            self.take(path, &relative, is_root, found);
            false
        } else {
            false
        }
    }

    /// Whether a file or folder is passed over for its name, and counted.
    fn passes_over_by_name(&mut self, entry: &DirEntry) -> bool {
        match system::kept_apart(entry.path()) {
            // Who wants these wants the hidden ones among them.
            Some(_) if self.options.system_folders == SystemFolders::Take => return false,
            Some(name) => *self.scan.system.entry(name).or_default() += 1,
            None if self.options.hidden == Hidden::Skip && entry.file_name().as_bytes().starts_with(b".") => {
                self.scan.hidden += 1;
            }
            None => return false,
        }
        true
    }

    /// Keeps a file whose name says nothing for a closer look, or takes it where its extension was asked for.
    fn look_at_unnamed(&mut self, entry: &DirEntry, relative: &Path, is_excluded: bool) {
        let (path, filter) = (entry.path(), &self.options.filter);
        if is_excluded || !filter.includes(relative) {
            self.scan.pass_over(path);
        } else if filter.names_extension_of(relative) {
            let found = entry.metadata().map_err(|error| io::Error::from(error).to_string());
            self.take(path, relative, false, found);
        } else {
            match entry.metadata() {
                Ok(metadata) if unnamed::is_worth_opening(path, metadata.len()) => {
                    let sighting = sighting(&metadata);
                    self.scan.unnamed.push(FoundFile { path: path.to_owned(), sighting });
                }
                _ => self.scan.pass_over(path),
            }
        }
    }

    /// Goes where a link leads, under the real name of that place.
    fn follow(&mut self, link: &Path, relative: &Path) {
        let target = fs::canonicalize(link).and_then(|real| Ok((fs::metadata(&real)?, real)));
        match target {
            Ok((metadata, real)) if metadata.is_file() => {
                let is_named = unnamed::is_named_as_a_photo(link) || unnamed::is_named_as_a_photo(&real);
                if is_named || self.options.filter.names_extension_of(relative) {
                    self.take(&real, relative, false, Ok(metadata));
                } else if self.options.filter.includes(relative)
                    && unnamed::is_worth_opening(&real, metadata.len())
                {
                    let sighting = sighting(&metadata);
                    self.scan.unnamed.push(FoundFile { path: real, sighting });
                } else {
                    self.scan.pass_over(&real);
                }
            }
            Ok((metadata, real)) if metadata.is_dir() && !self.entered.contains(&real) => {
                self.below(&real, relative);
            }
            Ok(_) => {}
            Err(error) => {
                let reason = format!("the symbolic link leads nowhere: {error}");
                self.scan.unreadable.push(Unreadable { path: link.to_owned(), reason });
            }
        }
    }

    fn take(&mut self, path: &Path, relative: &Path, is_root: bool, found: Result<Metadata, String>) {
        if !is_root && !self.options.filter.includes(relative) {
            self.scan.excluded += 1;
            return;
        }
        match found {
            Ok(metadata) => {
                self.scan.files.push(FoundFile { path: path.to_owned(), sighting: sighting(&metadata) });
            }
            Err(reason) => self.scan.unreadable.push(Unreadable { path: path.to_owned(), reason }),
        }
    }

    fn step(&mut self) {
        self.steps += 1;
        if self.steps == STEPS_A_WORD {
            self.monitor.advance(std::mem::take(&mut self.steps));
        }
    }
}

/// What a file looks like from outside.
pub fn sighting(metadata: &Metadata) -> Sighting {
    let nanoseconds = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
    let mtime_ns = nanoseconds(metadata.mtime(), metadata.mtime_nsec());
    let inode = InodeChange::Seen(nanoseconds(metadata.ctime(), metadata.ctime_nsec()));
    Sighting { size: metadata.len(), mtime_ns, inode }
}
