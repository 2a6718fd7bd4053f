//! The store.

mod error;

pub use error::StoreError;

use crate::{gallery::Gallery, library::Library};

/// A library's store.
#[derive(Debug)]
pub struct Store {}

impl Store {
    /// Opens an existing store to look into it; a writer may be at work meanwhile.
    pub fn open_read(library: &Library) -> Result<Self, StoreError> {
        Err(StoreError::NoLibrary(library.folder().to_owned()))
    }

    /// Every face under a contract; `None` for the only one there is.
    pub fn gallery(&self, _contract: Option<&str>) -> Result<Gallery, StoreError> {
        Err(StoreError::NoLibrary(std::path::PathBuf::new()))
    }
}
