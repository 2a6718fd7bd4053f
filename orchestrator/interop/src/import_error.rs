//! What can be wrong with arrays that are to be imported.

use std::{
    fmt::{self, Write as _},
    io,
    path::{Path, PathBuf},
};

use facesets_base::exit::Hint;
use facesets_library::{
    npy::HeadError,
    store::{Difference, StoreError},
};

use super::export::FORMAT_VERSION;

/// What can be wrong with arrays that are to be imported. The library is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The library cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else than arrays.
    #[error("`{0}` is neither an `.npz` nor a folder of `.npy`")]
    NotArrays(PathBuf),
    /// An archive that cannot be read as one.
    #[error("cannot read `{path}`: {problem}")]
    Zip {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// An array is not there.
    #[error("the array `{0}` is missing")]
    Missing(String),
    /// `meta` is not what an export writes.
    #[error("the array `meta` {0}")]
    Meta(String),
    /// Written by another version.
    #[error("the arrays are of format version {0}, this program reads versions 1 to {FORMAT_VERSION}")]
    FormatVersion(u64),
    /// An array as a whole.
    #[error("the array `{array}` {problem}")]
    Array {
        /// Its name.
        array: String,
        /// What is wrong.
        problem: String,
    },
    /// A value.
    #[error("the array `{array}`, row {row}: {problem}")]
    Row {
        /// Its name.
        array: String,
        /// Counted from 0.
        row: u64,
        /// What is wrong.
        problem: String,
    },
    /// The library holds something else under the same keys.
    #[error("the library differs from the file in {total} places:{}", list(.shown, *.total))]
    Differences {
        /// The first few.
        shown: Vec<Difference>,
        /// All.
        total: u64,
    },
}

impl Hint for ImportError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Store(error) => return error.hint(),
            Self::NotArrays(_) | Self::Missing(_) | Self::Meta(_) => {
                "import what `facesets store export` wrote; `numpy.savez` may write it again, with every array (the cache of \
                 another program is read with `--assume-contract`)"
            }
            Self::FormatVersion(_) => "export it again with the program that imports it",
            Self::Differences { .. } => {
                "nothing was imported; pass `--existing keep` to let the library's values stay, or `--existing replace` \
                 to take the file's"
            }
            Self::Array { .. } | Self::Row { .. } => "nothing was imported",
            Self::Io { .. } | Self::Zip { .. } => return None,
        };
        Some(text.to_owned())
    }
}

impl ImportError {
    /// For `map_err`: an I/O error at `path`.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// An array whose head is not what is needed.
    pub fn head(array: &str, error: &HeadError) -> Self {
        Self::Array { array: array.to_owned(), problem: error.to_string() }
    }
}

fn list(shown: &[Difference], total: u64) -> impl fmt::Display {
    let mut text = String::new();
    for Difference { what, here, there } in shown {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "{} {what}: the library has {here}, the file {there}",
            if text.is_empty() { "" } else { ";" }
        );
    }
    if total > shown.len() as u64 {
        let _ = write!(text, "; … and {} more", total - shown.len() as u64);
    }
    text
}
