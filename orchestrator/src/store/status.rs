//! The library in numbers.

use std::path::PathBuf;

use rusqlite::params;
use serde::Serialize;

use super::{Store, StoreError, TASK_FACES, locations};

/// The library in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoreStatus {
    /// Distinct contents that lie, or lay, at some path.
    pub contents: u64,
    /// Paths, vanished ones too.
    pub locations: u64,
    /// Paths beyond the first of each content.
    pub aliases: u64,
    /// Paths that are no longer there.
    pub vanished: u64,
    /// What was made of them, contract by contract.
    pub contracts: Vec<ContractStatus>,
}

/// The analyses under one contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContractStatus {
    /// The contract.
    pub contract: String,
    /// Contents analysed.
    pub analysed: u64,
    /// Contents in which there is no face.
    pub no_face: u64,
    /// Faces.
    pub faces: u64,
    /// Contents that are there and have no outcome yet.
    pub pending: u64,
    /// Contents that cannot be analysed.
    pub failed: Vec<FailedContent>,
}

/// A content that cannot be analysed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedContent {
    /// Its canonical path.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// A stable word.
    pub kind: String,
    /// What happened, in words.
    pub reason: String,
}

impl Store {
    /// The library in numbers, all of one moment.
    pub fn status(&self) -> Result<StoreStatus, StoreError> {
        let snapshot = self.connection.unchecked_transaction()?;
        let contents = self.count("SELECT count(DISTINCT sha256) FROM location", [])?;
        let locations = self.count("SELECT count(*) FROM location", [])?;
        let status = StoreStatus {
            contents,
            locations,
            aliases: locations - contents,
            vanished: self.count("SELECT count(*) FROM location WHERE vanished", [])?,
            contracts: self
                .contracts()?
                .into_iter()
                .map(|contract| self.contract_status(contract))
                .collect::<Result<_, _>>()?,
        };
        snapshot.finish()?;
        Ok(status)
    }

    fn contract_status(&self, contract: String) -> Result<ContractStatus, StoreError> {
        let key = [TASK_FACES, contract.as_str()];
        // One walk over an index in the order of the row ids, so that looking up the faces goes from front to back too.
        let (analysed, no_face, faces) = self.connection.query_row(
            "SELECT count(*), coalesce(sum(faces = 0), 0), coalesce(sum(faces), 0) FROM \
             (SELECT (SELECT count(*) FROM face WHERE analysis_id = analysis.id) AS faces \
              FROM analysis WHERE task = ?1 AND contract = ?2 AND outcome = 'done')",
            key,
            |row| {
                Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)? as u64))
            },
        )?;
        // Outcomes are looked up in the order of their own index; only of what has none the locations are looked at.
        let pending = self.count(
            "SELECT count(*) FROM content WHERE NOT EXISTS \
             (SELECT 1 FROM analysis WHERE sha256 = content.sha256 AND task = ?1 AND contract = ?2) \
             AND EXISTS (SELECT 1 FROM location WHERE sha256 = content.sha256 AND NOT vanished)",
            key,
        )?;
        let failed = self.failed(&contract)?;
        Ok(ContractStatus { contract, analysed, no_face, faces, pending, failed })
    }

    fn failed(&self, contract: &str) -> Result<Vec<FailedContent>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT min(location.path) AS path, error_kind, coalesce(error_message, '') \
             FROM analysis JOIN location USING (sha256) \
             WHERE task = ?1 AND contract = ?2 AND outcome = 'failed' GROUP BY sha256 ORDER BY path",
        )?;
        let rows = statement.query_map(params![TASK_FACES, contract], |row| {
            let path = locations::path(row.get_ref(0)?.as_blob()?);
            Ok(FailedContent { path, kind: row.get(1)?, reason: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn count(&self, query: &str, parameters: impl rusqlite::Params) -> Result<u64, StoreError> {
        Ok(self.connection.query_row(query, parameters, |row| row.get::<_, i64>(0))? as u64)
    }
}

/// JSON is text, a path need not be.
fn lossy<S: serde::Serializer>(path: &std::path::Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}
