//! Folders on disk: which files are candidates, without reading any.

mod filter;
mod system;
#[cfg(test)]
mod tests;
mod unnamed;
mod walk;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use facesets_base::{exit::Hint, monitor::Monitor};
use tokio_util::sync::CancellationToken;
use walk::{Extent, Walk};

pub use filter::{Filter, PatternError};
pub use unnamed::{Holds, LookedAt, is_named_as_a_photo, kinds_in_words};
pub use walk::sighting;

use crate::store::{LeftOut, Sighting};

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
    /// Files whose names are not those of photos and that nobody has looked into yet, in byte order; see
    /// [`Scan::sort_out_unnamed`].
    pub unnamed: Vec<FoundFile>,
    /// Files that are no photos.
    pub other: u64,
    /// The same by extension.
    pub extensions: BTreeMap<String, u64>,
    /// Symbolic links that were not followed.
    pub symlinks: u64,
    /// Hidden files and folders that were passed over; what lies in the folders is not counted.
    pub hidden: u64,
    /// What programs keep for themselves, by name, was passed over; what lies in the folders is not counted.
    pub system: BTreeMap<String, u64>,
    /// Photos, folders and links that the patterns leave out; what lies in the folders is not counted.
    pub excluded: u64,
    /// Folders that our own commands wrote, which were not entered: their photos are copies, or pictures made
    /// of photos.
    pub outputs: Vec<PathBuf>,
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

/// The roots as canonical paths (absolute, without `..` and symbolic links): a file has one path, however it
/// was named.
pub fn absolute_roots(roots: &[PathBuf]) -> Result<Vec<PathBuf>, ScanError> {
    let absolute = |path: &PathBuf| {
        fs::canonicalize(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ScanError::Missing(path.clone()),
            _ => ScanError::Absolute { path: path.clone(), source },
        })
    };
    roots.iter().map(absolute).collect()
}

/// How to look at folders.
#[derive(Debug, Clone, Default)]
pub struct ScanOptions {
    /// Which files and folders below the roots are meant.
    pub filter: Filter,
    /// What to do about symbolic links.
    pub symlinks: Symlinks,
    /// What to do about files and folders whose name begins with a dot.
    pub hidden: Hidden,
    /// What to do about what a NAS, a sync program, a system or a photo manager keeps for itself.
    pub system_folders: SystemFolders,
}

impl ScanOptions {
    /// Why whoever looks at `roots` with these options leaves out what lies at `path`, if by a pattern or for
    /// its name; `None` also where another root takes it. Hidden files are passed over without being left
    /// out: who shows them once does not mean to lose them the next time.
    pub fn leaves_out(&self, roots: &[PathBuf], path: &Path) -> Option<LeftOut> {
        let mut reason = None;
        for root in roots {
            if let Ok(below) = path.strip_prefix(root) {
                reason = Some(self.leaves_out_below(root, below)?);
            }
        }
        reason
    }

    fn leaves_out_below(&self, root: &Path, below: &Path) -> Option<LeftOut> {
        let (mut whole, mut relative) = (root.to_owned(), PathBuf::new());
        below.iter().find_map(|name| {
            whole.push(name);
            relative.push(name);
            if self.filter.excludes(&relative) {
                Some(LeftOut::Pattern)
            } else if self.system_folders == SystemFolders::Skip && system::kept_apart(&whole).is_some() {
                Some(LeftOut::System)
            } else {
                None
            }
        })
    }
}

/// What to do about symbolic links below a root. A root that is a link is always followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Symlinks {
    /// Count them.
    #[default]
    Skip,
    /// Go where they lead. What lies there is named by its real path, which has no link in it, so that no
    /// file has two paths and no folder is entered twice; patterns are matched against the path of the link.
    /// A file that also lies below a root is matched by its path there.
    Follow,
}

/// What to do about hidden files and folders below a root. A root is always looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hidden {
    /// Count them.
    #[default]
    Skip,
    /// Treat them as any other.
    Take,
}

/// What to do about what a NAS, a sync program, a system or a photo manager keeps for itself below a root:
/// thumbnails, recycle bins, snapshots. A root is always looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SystemFolders {
    /// Count them.
    #[default]
    Skip,
    /// Treat them as any other.
    Take,
}

impl Scan {
    fn sort_files(&mut self) {
        self.files.sort_unstable_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        self.files.dedup_by(|a, b| a.path == b.path);
    }
}

/// Looks at everything under canonical `roots`, folders or files; a file that is named itself is a candidate
/// whatever its extension and the options. What our own commands wrote is passed over, unless a root is that
/// or lies in it.
///
/// When `cancelled`, it ends early with what it has.
pub fn scan(
    roots: &[PathBuf],
    options: &ScanOptions,
    monitor: &dyn Monitor,
    cancelled: &CancellationToken,
) -> Scan {
    Walk::new(options, monitor, cancelled, Extent::Everything).through(roots)
}

/// As [`scan`], but ends at the first photo, which may be one that has no name of a photo.
pub fn scan_for_one(
    roots: &[PathBuf],
    options: &ScanOptions,
    monitor: &dyn Monitor,
    cancelled: &CancellationToken,
) -> Scan {
    let mut scan = Walk::new(options, monitor, cancelled, Extent::FirstPhoto).through(roots);
    if scan.files.is_empty() {
        scan.sort_out_unnamed(&LookedAt::new(), cancelled);
    }
    scan
}
