//! Flags of the commands that write a folder.

use std::path::{Path, PathBuf};

use crate::{
    cluster::TooManyRows,
    exit::Hint,
    gallery::Gallery,
    library::Library,
    manifest::ManifestError,
    output::{Existing, OutputDir, OutputError},
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
