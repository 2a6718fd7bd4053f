//! What the camera says about a content: capture date and orientation.

use std::collections::{HashMap, HashSet};

use facesets_core::Sha256Digest;
use facesets_imaging::{CameraTags, CaptureTime};
use rusqlite::{Row, Transaction, params};

use super::{Store, StoreError, locations};

impl Store {
    /// Contents of which nobody has read what the camera says: those of libraries from before that was
    /// stored, and those of a run that ended in between.
    pub fn contents_without_camera(&self) -> Result<HashSet<Sha256Digest>, StoreError> {
        let mut statement = self
            .connection
            .prepare("SELECT sha256 FROM content WHERE sha256 NOT IN (SELECT sha256 FROM camera)")?;
        let mut rows = statement.query([])?;
        let mut found = HashSet::new();
        while let Some(row) = rows.next()? {
            found.insert(locations::digest(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?);
        }
        Ok(found)
    }

    /// The years in which contents were photographed, by the local time of the camera; contents of which that
    /// is not known are not in it.
    pub fn capture_years(&self) -> Result<HashMap<Sha256Digest, u16>, StoreError> {
        let query = format!("SELECT sha256, {COLUMNS} FROM camera WHERE taken IS NOT NULL");
        let mut statement = self.connection.prepare(&query)?;
        let mut rows = statement.query([])?;
        let mut years = HashMap::new();
        while let Some(row) = rows.next()? {
            let sha256 = locations::digest(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
            years.extend(read(row, 1)?.taken.map(|taken| (sha256, taken.year)));
        }
        Ok(years)
    }

    /// What the camera says about a content; `None` where nobody has read it.
    pub(super) fn camera(&self, sha256: &Sha256Digest) -> Result<Option<CameraTags>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM camera WHERE sha256 = ?1");
        let mut statement = self.connection.prepare_cached(&query)?;
        let mut rows = statement.query([sha256.as_bytes()])?;
        rows.next()?.map(|row| read(row, 0)).transpose()
    }
}

/// Writes down what was read. It follows from the content, so that the first reading is as good as any other.
pub(super) fn write(
    transaction: &Transaction<'_>,
    sha256: &Sha256Digest,
    tags: &CameraTags,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO camera (sha256, taken, offset_minutes, orientation) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (sha256) DO NOTHING",
        )?
        .execute(params![
            sha256.as_bytes(),
            tags.taken.map(|taken| taken.local()),
            tags.taken.and_then(|taken| taken.offset_minutes),
            tags.orientation,
        ])?;
    Ok(())
}

/// Takes back what was written down.
pub(super) fn forget(transaction: &Transaction<'_>, sha256: &Sha256Digest) -> Result<(), StoreError> {
    transaction.prepare_cached("DELETE FROM camera WHERE sha256 = ?1")?.execute([sha256.as_bytes()])?;
    Ok(())
}

/// Columns that [`read`] wants, in its order.
pub(super) const COLUMNS: &str = "taken, offset_minutes, orientation";

/// Reads [`COLUMNS`] from column `first` on.
pub(super) fn read(row: &Row<'_>, first: usize) -> Result<CameraTags, StoreError> {
    let taken: Option<String> = row.get(first)?;
    let (offset_minutes, orientation) = (row.get(first + 1)?, row.get(first + 2)?);
    let taken = match (taken, offset_minutes) {
        (Some(local), offset) => Some(CaptureTime::from_local(&local, offset).ok_or_else(|| {
            StoreError::Damaged(format!(
                "`{local}` with offset {offset:?} is no time at which a photo was taken"
            ))
        })?),
        (None, Some(_)) => {
            return Err(StoreError::Damaged("an offset from UTC without a time".to_owned()));
        }
        (None, None) => None,
    };
    match orientation {
        None | Some(1..=8) => Ok(CameraTags { orientation, taken }),
        Some(other) => Err(StoreError::Damaged(format!("{other} is no orientation"))),
    }
}
