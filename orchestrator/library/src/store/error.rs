//! What can go wrong with a store.

use std::{io, path::PathBuf};

use facesets_base::{exit::Hint, fields::list};
use rusqlite::ErrorCode;

/// What can go wrong with a store. Whatever was committed before stays.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was ever embedded here.
    #[error("there is no library in `{0}`")]
    NoLibrary(PathBuf),
    /// Another process writes.
    #[error("the library `{0}` is in use by another `facesets`")]
    InUse(PathBuf),
    /// A file system whose locks and shared memory cannot be trusted.
    #[error("the library `{folder}` lies on a {kind} file system, which breaks SQLite's write-ahead log")]
    UnsafeFileSystem {
        /// The library.
        folder: PathBuf,
        /// Type of the file system.
        kind: String,
    },
    /// Written by a later program.
    #[error("the library is of version {found}, this program knows versions up to {known}")]
    Newer {
        /// Version of the file.
        found: i64,
        /// Newest version that this program knows.
        known: i64,
    },
    /// Some other `SQLite` file.
    #[error("`{0}` is not a facesets library")]
    NotALibrary(PathBuf),
    /// No room left.
    #[error("the disk under the library is full")]
    Full,
    /// A file beside the database.
    #[error("cannot use `{path}`: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody reads, so that the write-ahead log cannot be emptied.
    #[error("another program reads the library: what was forgotten is in its log until that ends")]
    LogInUse,
    /// What is in the database means nothing.
    #[error("the library is damaged: {0}")]
    Damaged(String),
    /// Nothing to choose from.
    #[error("the library holds no analysed photo")]
    NothingAnalysed,
    /// Too much to choose from.
    #[error("the library holds faces under several contracts, which must not be mixed: {}", list(.0))]
    SeveralContracts(Vec<String>),
    /// Not among those there are.
    #[error("the library holds no faces under contract `{wanted}`, only {}", list(.present))]
    UnknownContract {
        /// Asked for.
        wanted: String,
        /// There.
        present: Vec<String>,
    },
    /// The dump cannot be written.
    #[error("cannot write the dump: {0}")]
    Output(#[source] io::Error),
    /// Anything else that `SQLite` says.
    #[error("the library's database: {0}")]
    Sqlite(#[source] rusqlite::Error),
}

impl Hint for StoreError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoLibrary(_) | Self::NothingAnalysed => {
                "run `facesets embed SRC…` first, or name another library with `--library DIR`"
            }
            Self::InUse(_) => {
                "wait until it has ended, or name another library with `--library DIR`; \
                 `facesets status` can look meanwhile"
            }
            Self::UnsafeFileSystem { .. } => {
                "keep the library on a Linux file system with `--library DIR` (the photos may stay where they are), \
                 or accept a slower rollback journal with `--unsafe-fs`"
            }
            Self::Newer { .. } => {
                "use the newer `facesets` that wrote it, or another library with `--library DIR`"
            }
            Self::NotALibrary(_) => "name another folder with `--library DIR`",
            Self::Full => "free some space and run the same command again: it goes on from the last commit",
            Self::SeveralContracts(_) | Self::UnknownContract { .. } => {
                "choose one of them with `--contract`"
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "choose a folder you may write to with `--library DIR`"
            }
            Self::Damaged(_) => {
                "the photos are untouched: move the library away and run `facesets embed SRC…` again"
            }
            Self::LogInUse => "end the other program: whoever uses the library last empties its log",
            Self::Io { .. } | Self::Output(_) | Self::Sqlite(_) => return None,
        };
        Some(text.to_owned())
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match &error {
            rusqlite::Error::SqliteFailure(cause, _) => match (cause.code, cause.extended_code) {
                // SQLite cannot even make its shared memory file as large as it must be.
                (ErrorCode::DiskFull, _) | (_, rusqlite::ffi::SQLITE_IOERR_SHMSIZE) => Self::Full,
                (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => Self::Damaged(error.to_string()),
                _ => Self::Sqlite(error),
            },
            _ => Self::Sqlite(error),
        }
    }
}

impl StoreError {
    pub(super) fn io(path: impl Into<PathBuf>, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::StorageFull {
            return Self::Full;
        }
        Self::Io { path: path.into(), source }
    }
}
