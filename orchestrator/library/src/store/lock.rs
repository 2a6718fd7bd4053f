//! One writer a library: an advisory lock on a file, which the kernel drops with the process, however it
//! ends.

use std::fs::{self, File, OpenOptions, TryLockError};

use facesets_base::library::Library;

use super::StoreError;

/// Held for as long as it lives.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Creates the library's folder if need be, and takes the lock or says who has it.
    pub(super) fn take(library: &Library) -> Result<Self, StoreError> {
        fs::create_dir_all(library.folder()).map_err(|source| StoreError::io(library.folder(), source))?;
        let path = library.lock_file();
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|source| StoreError::io(&path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(library.folder().to_owned())),
            Err(TryLockError::Error(source)) => Err(StoreError::io(path, source)),
        }
    }
}
