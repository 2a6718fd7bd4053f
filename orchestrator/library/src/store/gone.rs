//! Places whose files are not there any more: gone, or on a disk that is away.

use std::{
    collections::HashSet,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use rusqlite::{Transaction, params};

use super::{Store, StoreError, locations, range_below};

/// Why a file is not where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It was deleted, moved or renamed: it does not count until it is located again.
    Gone,
    /// Its folder cannot be reached: it counts as before.
    Away,
}

impl Store {
    /// Places at a path or below it whose files are gone.
    pub fn gone_below(&self, root: &Path) -> Result<HashSet<PathBuf>, StoreError> {
        let (first, end) = range_below(root);
        let mut statement = self
            .connection
            .prepare_cached("SELECT path FROM gone WHERE path = ?1 OR (path >= ?2 AND path < ?3)")?;
        let mut rows = statement.query(params![root.as_os_str().as_bytes(), first, end])?;
        let mut gone = HashSet::new();
        while let Some(row) = rows.next()? {
            gone.insert(locations::path(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?));
        }
        Ok(gone)
    }
}

/// Notes that the file at a place that is known is not there.
pub(super) fn write(transaction: &Transaction<'_>, path: &Path, absence: Absence) -> Result<(), StoreError> {
    let path = path.as_os_str().as_bytes();
    transaction.prepare_cached("UPDATE location SET vanished = 1 WHERE path = ?1")?.execute([path])?;
    let note = match absence {
        Absence::Gone => {
            "INSERT INTO gone (path) SELECT path FROM location WHERE path = ?1 ON CONFLICT DO NOTHING"
        }
        Absence::Away => "DELETE FROM gone WHERE path = ?1",
    };
    transaction.prepare_cached(note)?.execute([path])?;
    Ok(())
}

/// Notes that a file was located.
pub(super) fn clear(transaction: &Transaction<'_>, path: &Path) -> Result<(), StoreError> {
    transaction.prepare_cached("DELETE FROM gone WHERE path = ?1")?.execute([path.as_os_str().as_bytes()])?;
    Ok(())
}
