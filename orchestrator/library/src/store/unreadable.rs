//! What could not be read and was named: as long as it stays so, it need not be named again.

use std::{
    collections::BTreeMap,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use rusqlite::{Transaction, params};

use super::{Store, StoreError, locations};

impl Store {
    /// Files and folders that could not be read when a scan came by last, with the reasons.
    pub fn unreadable(&self) -> Result<BTreeMap<PathBuf, String>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT path, reason FROM unreadable")?;
        let mut rows = statement.query([])?;
        let mut found = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let path = locations::path(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
            found.insert(path, row.get(1)?);
        }
        Ok(found)
    }
}

/// Notes why a path cannot be read, or with `None` that it is as it should be.
pub(super) fn write(
    transaction: &Transaction<'_>,
    path: &Path,
    reason: Option<&str>,
) -> Result<(), StoreError> {
    let path = path.as_os_str().as_bytes();
    match reason {
        Some(reason) => transaction
            .prepare_cached(
                "INSERT INTO unreadable (path, reason) VALUES (?1, ?2) \
                 ON CONFLICT (path) DO UPDATE SET reason = excluded.reason",
            )?
            .execute(params![path, reason])?,
        None => transaction.prepare_cached("DELETE FROM unreadable WHERE path = ?1")?.execute([path])?,
    };
    Ok(())
}
