//! What can go wrong with a change.

use std::{io, path::PathBuf};

use crate::store::StoreError;

/// What can go wrong with a change. Whatever it is, nothing is lost: the next command goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// A file or folder cannot be read or written.
    #[error("cannot access `{path}`: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A set could not be swapped; everything is as it was before.
    #[error("`{path}` could not be moved, so that the change was taken back: {source}")]
    RolledBack {
        /// What would not move.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Neither forwards nor backwards.
    #[error("`{path}` can be moved neither forwards nor back: {source}")]
    Stuck {
        /// What would not move.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else moved something.
    #[error("`{name}` in `{root}` is neither as before the change nor as after it")]
    Unrecognised {
        /// The folder.
        root: PathBuf,
        /// The set.
        name: String,
    },
    /// Something was changed after the decision.
    #[error("`{name}` in `{root}` has been changed since")]
    ChangedSince {
        /// The folder.
        root: PathBuf,
        /// The set.
        name: String,
    },
    /// An earlier change of the same folder is not ended.
    #[error("a change of `{root}` by `{command}` was interrupted and waits")]
    Waits {
        /// The folder.
        root: PathBuf,
        /// Who began it.
        command: String,
    },
    /// No change of the folder is open.
    #[error("no change of `{0}` waits")]
    NothingWaits(PathBuf),
    /// What is written there would end elsewhere.
    #[error("`{0}` is a symbolic link")]
    Link(PathBuf),
    /// Nothing to undo.
    #[error("there is no decision to take back")]
    NothingToUndo,
    /// The journal holds text.
    #[error("`{0}` is not UTF-8, so that it cannot be changed safely")]
    NotUtf8(PathBuf),
    /// The journal says something that this program does not understand.
    #[error("an entry of the journal cannot be understood: {0}")]
    Journal(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// For `map_err`: an I/O error at `path`.
pub(super) fn at(path: &std::path::Path) -> impl Fn(io::Error) -> ChangeError + '_ {
    move |source| ChangeError::Io { path: path.to_owned(), source }
}
