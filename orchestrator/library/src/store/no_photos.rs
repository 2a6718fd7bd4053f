//! Files whose names say nothing of a photo, so that each is opened once.

use std::{
    collections::HashMap,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use rusqlite::{Transaction, params};

use super::{InodeChange, Sighting, Store, StoreError, locations, range_below};

impl Store {
    /// The files below a folder that were opened and are no photos, as they looked then.
    pub fn no_photos_below(&self, folder: &Path) -> Result<HashMap<PathBuf, Sighting>, StoreError> {
        let (first, end) = range_below(folder);
        let mut statement = self.connection.prepare_cached(
            "SELECT path, size, mtime_ns, ctime_ns FROM no_photo WHERE path >= ?1 AND path < ?2",
        )?;
        let mut rows = statement.query(params![first, end])?;
        let mut found = HashMap::new();
        while let Some(row) = rows.next()? {
            let path = locations::path(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
            let (size, mtime_ns) = (row.get::<_, i64>(1)? as u64, row.get(2)?);
            found.insert(path, Sighting { size, mtime_ns, inode: InodeChange::Seen(row.get(3)?) });
        }
        Ok(found)
    }
}

/// Notes that a file is no photo. Of one whose change of the inode is not known nothing is kept.
pub(super) fn write(
    transaction: &Transaction<'_>,
    path: &Path,
    sighting: &Sighting,
) -> Result<(), StoreError> {
    if let Some(ctime_ns) = sighting.inode.ns() {
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO no_photo (path, size, mtime_ns, ctime_ns) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                path.as_os_str().as_bytes(),
                sighting.size as i64,
                sighting.mtime_ns,
                ctime_ns
            ])?;
    }
    Ok(())
}

/// Notes that a file is a photo after all.
pub(super) fn clear(transaction: &Transaction<'_>, path: &Path) -> Result<(), StoreError> {
    transaction
        .prepare_cached("DELETE FROM no_photo WHERE path = ?1")?
        .execute([path.as_os_str().as_bytes()])?;
    Ok(())
}
