//! Flags of the commands that write a folder.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::{
    cluster::TooManyRows,
    exit::Hint,
    gallery::{Content, Gallery},
    library::Library,
    manifest::ManifestError,
    monitor::Monitor,
    output::{Existing, Missing, OutputDir, OutputError, Placement, place_all},
    store::{Store, StoreError},
};

/// Where to write, and what to do about what is there.
#[derive(Debug, clap::Args)]
pub(super) struct OutputArgs {
    /// Folder to write; it appears when it is complete
    #[arg(value_name = "OUT")]
    pub(super) out: PathBuf,
    /// Move an earlier OUT aside to OUT.previous-N instead of refusing; nothing is deleted
    #[arg(long)]
    pub(super) replace: bool,
}

/// Which faces to take.
#[derive(Debug, clap::Args)]
pub(super) struct GalleryArgs {
    /// Contract of the embeddings, where the library has more than one (see `facesets status`)
    #[arg(long, value_name = "CONTRACT")]
    pub(super) contract: Option<String>,
}

impl OutputArgs {
    /// Begins the folder.
    pub(super) fn create(&self) -> Result<OutputDir, OutputError> {
        let existing = if self.replace { Existing::MoveAside } else { Existing::Refuse };
        OutputDir::create(&self.out, existing)
    }
}

impl GalleryArgs {
    /// The faces of the library.
    pub(super) fn load(&self, library: &Library) -> Result<Gallery, StoreError> {
        Store::open_read(library)?.gallery(self.contract.as_deref())
    }
}

/// Puts the photos of each named set into a folder of its name; returns which photos are not there.
pub(super) fn place_sets(
    output: &OutputDir,
    sets: &[(&str, Vec<&Content>)],
    placement: Placement,
    monitor: &dyn Monitor,
) -> Result<Missing, WriteError> {
    monitor.start("placing photos", Some(sets.iter().map(|(_, photos)| photos.len() as u64).sum()));
    let mut missing = Missing::default();
    for (name, photos) in sets {
        let folder = output.path().join(name);
        missing +=
            place_all(photos.iter().copied(), &folder, placement, monitor).map_err(write_error(&folder))?;
    }
    monitor.finish();
    Ok(missing)
}

/// What is said of an output in the end, after the figures.
pub(super) fn write_ending(
    f: &mut fmt::Formatter<'_>,
    missing: Missing,
    previous: Option<&Path>,
    out: &Path,
) -> fmt::Result {
    if missing.failed > 0 {
        writeln!(f, "{} photos could not be read (listed above)", missing.failed)?;
    }
    if missing.vanished > 0 {
        writeln!(
            f,
            "{} photos of the library lie nowhere any more and are only in the manifest",
            missing.vanished
        )?;
    }
    if let Some(previous) = previous {
        writeln!(f, "the earlier output is now `{}`", previous.display())?;
    }
    write!(f, "written to `{}`", out.display())
}

/// A folder that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{path}`: {source}")]
pub(super) struct WriteError {
    path: PathBuf,
    source: std::io::Error,
}

/// For `map_err`: an I/O error at `path`.
pub(super) fn write_error(path: &Path) -> impl Fn(std::io::Error) -> WriteError + '_ {
    move |source| WriteError { path: path.to_owned(), source }
}

impl Hint for WriteError {
    fn hint(&self) -> Option<String> {
        Some(
            "see that the disk has room and the folder may be written, then run the same command again"
                .to_owned(),
        )
    }
}

impl Hint for OutputError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Exists(_) => "pass `--replace` to move it aside, or name another folder".to_owned(),
            Self::NoName(_) => "name a folder, for example `out`".to_owned(),
            Self::Io { .. } => "see that the disk has room and the folder may be written".to_owned(),
        })
    }
}

impl Hint for ManifestError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Invalid { .. } => Some("name the folder that `facesets refine` wrote".to_owned()),
            Self::Io { .. } => None,
        }
    }
}

impl Hint for TooManyRows {
    fn hint(&self) -> Option<String> {
        Some("the engine for large libraries is not built yet; use several libraries meanwhile".to_owned())
    }
}
