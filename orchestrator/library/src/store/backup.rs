//! A copy of the store while it is in use.

use std::path::Path;

use super::{Store, StoreError};

impl Store {
    /// Writes a compact copy of one moment of the store to `file`, which must not exist; a writer may be at
    /// work meanwhile. Nothing is promised about the disk: syncing the file is left to the caller.
    pub fn copy_to(&self, file: &Path) -> Result<(), StoreError> {
        use std::os::unix::ffi::OsStrExt as _;
        // A file name is text to SQLite; bytes that are no UTF-8 pass through it unchanged.
        let name = file.as_os_str().as_bytes();
        self.connection.execute("VACUUM INTO CAST(?1 AS TEXT)", [name])?;
        Ok(())
    }
}
