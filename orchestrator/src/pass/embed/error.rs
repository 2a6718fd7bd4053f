//! Why embedding cannot go on.

use std::{io, path::PathBuf};

use facesets_base::exit::Hint;
use facesets_library::{source::disk::ScanError, store::StoreError};
use facesets_workers::{dispatch::DispatchError, selection::SelectionError};

/// Why embedding cannot go on. What was committed before stays.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The sources.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No workers.
    #[error(transparent)]
    Workers(#[from] SelectionError),
    /// Workers at work.
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    /// Nothing to make a library of.
    #[error("there is no photo in {}, so no library was made", in_words(.0))]
    NoPhoto(Vec<PathBuf>),
    /// No threads.
    #[error("cannot start the network threads: {0}")]
    Runtime(#[source] io::Error),
}

impl Hint for EmbedError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Scan(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::Workers(error) => error.hint(),
            Self::Dispatch(error) => error.hint(),
            Self::NoPhoto(_) => Some(
                "the lines above say what was passed over; `--hidden`, `--system-folders`, `--symlinks follow` and `--include GLOB` take more"
                    .to_owned(),
            ),
            Self::Runtime(_) => None,
        }
    }
}

/// Paths in quotes.
pub(super) fn in_words(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    names.join(", ")
}

impl EmbedError {
    /// Whether it only says that we were told to stop.
    pub(super) fn is_cancellation(&self) -> bool {
        matches!(self, Self::Workers(error) if error.is_cancellation())
    }
}
