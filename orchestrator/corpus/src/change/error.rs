//! What can go wrong with a change.

use std::{io, path::PathBuf};

use facesets_base::{exit::Hint, layout::KEPT};
use facesets_library::store::StoreError;

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

impl Hint for ChangeError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::RolledBack { .. } => {
                "close the programs that have its files open, then run the same command again".to_owned()
            }
            Self::Stuck { .. } => "close the programs that have its files open, then run any command: \
                                   it goes on from there"
                .to_owned(),
            Self::Unrecognised { root, .. } => format!(
                "what was replaced is in `{}`: put the set back by hand, then run any command",
                root.join(KEPT).display()
            ),
            Self::ChangedSince { .. } => {
                "undo what was changed by hand first; earlier sets are in its `.facesets` folder".to_owned()
            }
            Self::Store(error) => return error.hint(),
            Self::Io { .. } => "see that the disk has room and the folder may be written".to_owned(),
            Self::NotUtf8(_) => "rename it".to_owned(),
            Self::Waits { root, .. } => format!(
                "run any command when it is back; to give it up: `facesets undo --abandon {}`",
                root.display()
            ),
            Self::NothingWaits(_) => {
                "name the folder as the notes of other commands do; where nothing waits, `facesets undo` takes \
                 the last change back"
                    .to_owned()
            }
            Self::Link(_) => "put a folder in its place: nothing is written through links".to_owned(),
            Self::NothingToUndo => {
                "what `--replace` has moved aside lies beside it as OUT.previous-N: move it back by hand"
                    .to_owned()
            }
            Self::Journal(_) => return None,
        })
    }
}
