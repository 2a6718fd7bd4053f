//! What can go wrong between the store and a file for other programs.

use std::{io, path::PathBuf};

use facesets_base::{exit::Hint, output::OutputError};
use facesets_library::store::{ExportError, StoreError};

/// What can go wrong between the store and a file for other programs.
#[derive(Debug, thiserror::Error)]
pub enum InteropError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A name that promises another format than the one that would be written.
    #[error("`{0}` does not end in `.npz`")]
    NotNpz(PathBuf),
    /// The folder cannot be made.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The file cannot be written.
    #[error("cannot write `{path}`: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Hint for InteropError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Output(OutputError::Exists(_)) => {
                Some("choose another name, or replace it with `--force`".to_owned())
            }
            Self::NotNpz(_) => Some("name a file `OUT.npz`, or pass `--format` for a folder".to_owned()),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => Some(
                "free some space and run the same command again: nothing half-written is left".to_owned(),
            ),
            Self::Output(error) => error.hint(),
            Self::Io { .. } => None,
        }
    }
}

impl InteropError {
    /// `error` at a file.
    pub(super) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// `error` while a column was written to `path`.
    pub(super) fn column(path: impl Into<PathBuf>) -> impl FnOnce(ExportError) -> Self {
        let path = path.into();
        move |error| match error {
            ExportError::Store(error) => Self::Store(error),
            ExportError::Write(source) => Self::Io { path, source },
        }
    }
}
