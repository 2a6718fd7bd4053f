//! The walk through the folders: real folders first, then where symbolic links lead.

use std::{
    borrow::Cow,
    collections::HashSet,
    ffi::OsStr,
    fs::{self, Metadata},
    io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use facesets_imaging::PHOTO_EXTENSIONS;
use tokio_util::sync::CancellationToken;
use walkdir::{DirEntry, WalkDir};

use super::{FoundFile, Hidden, Scan, ScanOptions, Symlinks, Unreadable};
use crate::{monitor::Monitor, output::holds_our_pictures, store::Sighting};

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
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        options: &'a ScanOptions,
        monitor: &'a dyn Monitor,
        cancelled: &'a CancellationToken,
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
        scan.files.sort_unstable_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        scan.files.dedup_by(|a, b| a.path == b.path);
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
            if self.cancelled.is_cancelled() {
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
        if !is_top && self.options.hidden == Hidden::Skip && entry.file_name().as_bytes().starts_with(b".") {
            self.scan.hidden += 1;
            return false;
        }
        if kind.is_symlink() && self.options.symlinks == Symlinks::Skip {
            self.scan.symlinks += 1;
            return false;
        }
        if kind.is_file() && !is_top && !is_candidate(path) {
            self.scan.other += 1;
            return false;
        }
        let is_root = is_top && prefix.as_os_str().is_empty();
        let is_asked_for = kind.is_symlink() || !self.options.filter.is_empty();
        let below = if is_asked_for { path.strip_prefix(top).unwrap_or(path) } else { Path::new("") };
        // Only patterns and links ask for it: taking paths apart costs as much as looking at the file.
        let relative = match (is_top, prefix.as_os_str().is_empty()) {
            (true, _) => Cow::Borrowed(prefix),
            (false, true) => Cow::Borrowed(below),
            (false, false) => Cow::Owned(prefix.join(below)),
        };
        if !is_root && self.options.filter.excludes(&relative) {
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

    /// Goes where a link leads, under the real name of that place.
    fn follow(&mut self, link: &Path, relative: &Path) {
        let target = fs::canonicalize(link).and_then(|real| Ok((fs::metadata(&real)?, real)));
        match target {
            Ok((metadata, real)) if metadata.is_file() => {
                if is_candidate(link) || is_candidate(&real) {
                    self.take(&real, relative, false, Ok(metadata));
                } else {
                    self.scan.other += 1;
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
    let mtime_ns = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
    Sighting { size: metadata.len(), mtime_ns }
}

fn is_candidate(path: &Path) -> bool {
    let extension = path.extension().map(OsStr::as_bytes);
    extension.is_some_and(|extension| {
        PHOTO_EXTENSIONS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(extension))
    })
}
