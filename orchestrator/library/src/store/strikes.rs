//! Who was there when a worker died: suspicions that outlive the run in which they arose.

use facesets_core::Sha256Digest;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Store, StoreError, TASK_FACES};

impl Store {
    /// How many workers died with this content alone in flight; `None` if no worker ever died with it at all,
    /// or if it has had an outcome since.
    pub fn strikes(&self, sha256: &Sha256Digest, contract: &str) -> Result<Option<u32>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT deaths FROM strike WHERE sha256 = ?1 AND task = ?2 AND contract = ?3")?;
        let deaths = statement.query_row(params![sha256.as_bytes(), TASK_FACES, contract], |row| row.get(0));
        Ok(deaths.optional()?)
    }
}

/// Writes a suspicion down. Those of a content that has an outcome are of no interest.
pub(super) fn write(
    transaction: &Transaction<'_>,
    sha256: &Sha256Digest,
    contract: &str,
    deaths: u32,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO strike (sha256, task, contract, deaths) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (sha256, task, contract) DO UPDATE SET deaths = max(deaths, excluded.deaths)",
        )?
        .execute(params![sha256.as_bytes(), TASK_FACES, contract, deaths])?;
    Ok(())
}

/// An outcome ends every suspicion.
pub(super) fn clear(
    transaction: &Transaction<'_>,
    sha256: &Sha256Digest,
    contract: &str,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached("DELETE FROM strike WHERE sha256 = ?1 AND task = ?2 AND contract = ?3")?
        .execute(params![sha256.as_bytes(), TASK_FACES, contract])?;
    Ok(())
}
