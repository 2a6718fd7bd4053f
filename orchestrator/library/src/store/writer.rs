//! Writing: everything between two commits is one transaction, and every write may be repeated without harm.

use facesets_core::{FaceAnalysis, Sha256Digest};
use rusqlite::{Transaction, params};

use super::{
    InodeChange, LocationRecord, Provenance, Record, Store, StoreError, StoredFailure, TASK_FACES, camera,
    faces, gone, landmarks, left_out, lock::Lock, no_photos, picture, strikes, unreadable,
};

/// A store to write to; holds the library's lock.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    _lock: Lock,
}

impl Writer {
    pub(super) fn new(store: Store, lock: Lock) -> Self {
        Self { store, _lock: lock }
    }

    /// The store, to look into.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Writes all of `records` or, on an error, none of them.
    pub fn commit(&mut self, records: &[Record]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let transaction = self.store.connection.transaction()?;
        for record in records {
            match record {
                Record::Located { location, bytes } => {
                    write_location(&transaction, location, *bytes)?;
                    left_out::clear(&transaction, location.at.path())?;
                    no_photos::clear(&transaction, location.at.path())?;
                    gone::clear(&transaction, location.at.path())?;
                }
                Record::TakenAgain { path } => left_out::clear(&transaction, path)?,
                Record::NoPhoto { path, sighting } => no_photos::write(&transaction, path, sighting)?,
                Record::LeftOut { path, reason } => left_out::write(&transaction, path, *reason)?,
                Record::Absent { path, absence } => gone::write(&transaction, path, *absence)?,
                Record::Unreadable { path, reason } => {
                    unreadable::write(&transaction, path, reason.as_deref())?;
                }
                Record::Pictured { sha256, pixels } => picture::write(&transaction, sha256, pixels)?,
                Record::Camera { sha256, tags } => camera::write(&transaction, sha256, tags)?,
                Record::Analysed { sha256, analysis, provenance } => {
                    write_analysis(&transaction, sha256, analysis, provenance)?;
                }
                Record::Enriched { sha256, contract, landmarks_contract, landmarks } => {
                    landmarks::write(&transaction, sha256, contract, landmarks_contract, landmarks)?;
                }
                Record::Struck { sha256, contract, deaths } => {
                    strikes::write(&transaction, sha256, contract, *deaths)?;
                }
                Record::Failed { sha256, contract, failure } => {
                    write_failure(&transaction, sha256, contract, failure)?;
                }
            }
        }
        transaction.commit()?;
        tracing::debug!(records = records.len(), "committed");
        Ok(())
    }

    pub(super) fn connection(&mut self) -> &mut rusqlite::Connection {
        &mut self.store.connection
    }

    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: i64) {
        self.store.connection.pragma_update(None, "max_page_count", pages).unwrap();
    }

    #[cfg(test)]
    pub(super) fn pragma(&self, name: &str) -> String {
        let value = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
        match self.store.connection.pragma_query_value(None, name, value).unwrap() {
            rusqlite::types::Value::Text(text) => text,
            other => format!("{other:?}"),
        }
    }
}

pub(super) fn write_location(
    transaction: &Transaction<'_>,
    location: &LocationRecord,
    bytes: u64,
) -> Result<(), StoreError> {
    let sha256 = location.sha256.as_bytes();
    transaction
        .prepare_cached("INSERT INTO content (sha256, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![sha256, bytes as i64])?;
    transaction
        .prepare_cached(
            "INSERT INTO location (path, sha256, size, mtime_ns, vanished) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (path) DO UPDATE SET sha256 = excluded.sha256, size = excluded.size, \
             mtime_ns = excluded.mtime_ns, vanished = excluded.vanished",
        )?
        .execute(params![
            location.at.bytes(),
            sha256,
            location.sighting.size as i64,
            location.sighting.mtime_ns,
            location.vanished,
        ])?;
    write_inode_change(transaction, location)
}

fn write_inode_change(transaction: &Transaction<'_>, location: &LocationRecord) -> Result<(), StoreError> {
    let path = location.at.bytes();
    let (ns, hashed) = match location.sighting.inode {
        InodeChange::Unknown => {
            transaction.prepare_cached("DELETE FROM inode_change WHERE path = ?1")?.execute([path])?;
            return Ok(());
        }
        InodeChange::Seen(ns) => (ns, false),
        InodeChange::Hashed(ns) => (ns, true),
    };
    transaction
        .prepare_cached("INSERT OR REPLACE INTO inode_change (path, ctime_ns, hashed) VALUES (?1, ?2, ?3)")?
        .execute(params![path, ns, hashed])?;
    Ok(())
}

pub(super) fn write_analysis(
    transaction: &Transaction<'_>,
    sha256: &Sha256Digest,
    analysis: &FaceAnalysis,
    provenance: &Provenance,
) -> Result<(), StoreError> {
    let contract = analysis.contract.to_string();
    if !make_way(transaction, sha256, &contract)? {
        return Ok(());
    }
    transaction
        .prepare_cached(
            "INSERT INTO analysis (sha256, task, contract, outcome, width, height, landmarks_contract, \
             provider, worker_version, runtime_version) VALUES (?1, ?2, ?3, 'done', ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            sha256.as_bytes(),
            TASK_FACES,
            contract,
            analysis.width,
            analysis.height,
            analysis.landmarks_contract.to_string(),
            provenance.provider,
            provenance.worker_version,
            provenance.runtime_version,
        ])?;
    let id = transaction.last_insert_rowid();
    for (number, face) in (0..).zip(&analysis.faces) {
        faces::insert(transaction, id, number, face)?;
    }
    Ok(())
}

pub(super) fn write_failure(
    transaction: &Transaction<'_>,
    sha256: &Sha256Digest,
    contract: &str,
    failure: &StoredFailure,
) -> Result<(), StoreError> {
    if !make_way(transaction, sha256, contract)? {
        return Ok(());
    }
    let failed = failure.failed();
    transaction
        .prepare_cached(
            "INSERT INTO analysis (sha256, task, contract, outcome, error_kind, error_message) \
             VALUES (?1, ?2, ?3, 'failed', ?4, ?5)",
        )?
        .execute(params![sha256.as_bytes(), TASK_FACES, contract, failed.kind, failed.message])?;
    Ok(())
}

/// Whether an outcome may be written: a failure gives way to whatever comes, a result stays as it is.
fn make_way(
    transaction: &Transaction<'_>,
    sha256: &Sha256Digest,
    contract: &str,
) -> Result<bool, StoreError> {
    let key = params![sha256.as_bytes(), TASK_FACES, contract];
    strikes::clear(transaction, sha256, contract)?;
    transaction
        .prepare_cached(
            "DELETE FROM analysis WHERE sha256 = ?1 AND task = ?2 AND contract = ?3 AND outcome = 'failed'",
        )?
        .execute(key)?;
    let done = transaction
        .prepare_cached("SELECT 1 FROM analysis WHERE sha256 = ?1 AND task = ?2 AND contract = ?3")?
        .exists(key)?;
    Ok(!done)
}
