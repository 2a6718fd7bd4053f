//! What can go wrong with a store.

use std::path::PathBuf;

use crate::exit::Hint;

/// What can go wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was ever embedded here.
    #[error("there is no library in `{0}`")]
    NoLibrary(PathBuf),
}

impl Hint for StoreError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoLibrary(_) => {
                Some("make one with `facesets embed SRC…`, or name another with `--library DIR`".to_owned())
            }
        }
    }
}
