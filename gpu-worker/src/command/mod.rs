//! Subcommands: each puts the parts together, prints through `ui`, and says how it ended.

pub mod bench;
pub mod clients;
pub mod models;
pub mod pair;
pub mod serve;

use crate::{settings::FileError, trust::TrustError};

/// A failure and what to do about it.
struct Trouble {
    error: String,
    hint: String,
}

impl From<FileError> for Trouble {
    fn from(error: FileError) -> Self {
        Self { hint: error.hint().to_owned(), error: error.to_string() }
    }
}

impl From<TrustError> for Trouble {
    fn from(error: TrustError) -> Self {
        Self { hint: error.hint(), error: error.to_string() }
    }
}

/// How a command ended; the number is the program's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All done.
    Done = 0,
    /// Finished, with failures that were listed.
    SomeFailed = 1,
    /// Cannot go on.
    Failed = 2,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
}
