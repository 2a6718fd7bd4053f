//! A copy of the store that appears under its name when it is whole.

use std::{io, path::Path};

use super::error::InteropError;
use crate::{
    output::{Existing, FileKind, OutputFile},
    store::{Store, StoreError},
};

/// Copies the store of the file `live` to `path`, whatever a writer does meanwhile; returns the size of the
/// copy in bytes.
pub fn backup(store: &Store, live: &Path, path: &Path, existing: Existing) -> Result<u64, InteropError> {
    let file = OutputFile::create(path, FileKind::Backup, existing, Some(live))?;
    store.copy_to(file.path()).map_err(|error| match error {
        // SQLite does not say which disk it means; the library is only read.
        StoreError::Full => InteropError::at(path)(io::ErrorKind::StorageFull.into()),
        error => error.into(),
    })?;
    let bytes = file.as_file().metadata().map_err(InteropError::at(path))?.len();
    file.finish()?;
    Ok(bytes)
}
