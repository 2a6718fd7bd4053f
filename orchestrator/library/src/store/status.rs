//! The library in numbers.

use std::path::PathBuf;

use rusqlite::params;
use serde::Serialize;

use super::{LeftOut, Store, StoreError, TASK_FACES, forget::GONE_CONTENTS, locations};

/// The library in numbers: all that is known, and what was made of what counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoreStatus {
    /// Distinct contents that lie, or lay, at some path.
    pub contents: u64,
    /// Paths, vanished ones too.
    pub locations: u64,
    /// Paths beyond the first of each content.
    pub aliases: u64,
    /// Paths that are no longer there, whether they are gone or cannot be reached.
    pub vanished: u64,
    /// Paths whose files were deleted, moved or renamed, so that they do not count.
    pub gone: GonePlaces,
    /// Paths that count and cannot be reached.
    pub away: u64,
    /// Files and folders that could not be read when a scan came by last.
    pub unreadable: Vec<UnreadablePath>,
    /// Paths that are left out, so that they do not count; nothing below knows of them.
    pub left_out: LeftOutPlaces,
    /// Contents that are there and count: what `pending` is of under a contract that has no outcome yet.
    pub present: u64,
    /// What was made of them, contract by contract.
    pub contracts: Vec<ContractStatus>,
}

/// What is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct GonePlaces {
    /// Paths.
    pub places: u64,
    /// Contents that lie nowhere else, or whose files hold something else by now: what can be forgotten.
    pub contents: u64,
}

/// What could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnreadablePath {
    /// The file or folder.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// How many places are left out, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct LeftOutPlaces {
    /// By patterns.
    pub pattern: u64,
    /// In folders that a NAS, a sync program or a photo manager keeps for itself.
    pub system: u64,
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
    /// Its other paths, in byte order.
    #[serde(serialize_with = "all_lossy")]
    pub aliases: Vec<PathBuf>,
    /// Whether it is no longer at any of them.
    pub vanished: bool,
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
        // MATERIALIZED makes it one walk over the table and a look at the few that have vanished; else every
        // path is looked up in the order of contents.
        let lost = self.count(
            "WITH lost AS MATERIALIZED (SELECT sha256 FROM counted_location WHERE vanished) \
             SELECT count(DISTINCT sha256) FROM lost WHERE NOT EXISTS \
             (SELECT 1 FROM counted_location WHERE sha256 = lost.sha256 AND NOT vanished)",
            [],
        )?;
        let away = self.count("SELECT count(*) FROM counted_location WHERE vanished", [])?;
        let gone = GonePlaces {
            places: self.count("SELECT count(*) FROM gone", [])?,
            contents: self.count(&format!("SELECT count(*) FROM ({GONE_CONTENTS})"), [])?,
        };
        let status = StoreStatus {
            contents,
            locations,
            aliases: locations - contents,
            vanished: self.count("SELECT count(*) FROM location WHERE vanished", [])?,
            gone,
            away,
            unreadable: self.unreadable_paths()?,
            left_out: self.left_out_places()?,
            present: contents - lost - self.count("SELECT count(*) FROM uncounted_content", [])?,
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
        // One walk over an index in the order of the row ids, so that looking up the faces goes from front to
        // back too.
        let (analysed, no_face, faces) = self.connection.query_row(
            "SELECT count(*), coalesce(sum(faces = 0), 0), coalesce(sum(faces), 0) FROM \
             (SELECT (SELECT count(*) FROM face WHERE analysis_id = analysis.id) AS faces \
              FROM analysis WHERE task = ?1 AND contract = ?2 AND outcome = 'done' \
              AND sha256 NOT IN (SELECT sha256 FROM uncounted_content))",
            key,
            |row| {
                Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)? as u64))
            },
        )?;
        // Outcomes are looked up in the order of their own index; only of what has none the locations are
        // looked at, which CASE makes sure of.
        let pending = self.count(
            "SELECT coalesce(sum(CASE WHEN EXISTS \
             (SELECT 1 FROM analysis WHERE sha256 = content.sha256 AND task = ?1 AND contract = ?2) THEN 0 \
             ELSE EXISTS (SELECT 1 FROM counted_location WHERE sha256 = content.sha256 AND NOT vanished) END), 0) FROM content",
            key,
        )?;
        let failed = self.failed(&contract)?;
        Ok(ContractStatus { contract, analysed, no_face, faces, pending, failed })
    }

    fn unreadable_paths(&self) -> Result<Vec<UnreadablePath>, StoreError> {
        let named = |(path, reason)| UnreadablePath { path, reason };
        Ok(self.unreadable()?.into_iter().map(named).collect())
    }

    fn left_out_places(&self) -> Result<LeftOutPlaces, StoreError> {
        let of =
            |reason: LeftOut| self.count("SELECT count(*) FROM left_out WHERE reason = ?1", [reason.word()]);
        Ok(LeftOutPlaces { pattern: of(LeftOut::Pattern)?, system: of(LeftOut::System)? })
    }

    fn failed(&self, contract: &str) -> Result<Vec<FailedContent>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT sha256, location.path, vanished, error_kind, coalesce(error_message, '') \
             FROM analysis JOIN counted_location AS location USING (sha256) \
             WHERE task = ?1 AND contract = ?2 AND outcome = 'failed' ORDER BY sha256, location.path",
        )?;
        let mut rows = statement.query(params![TASK_FACES, contract])?;
        let mut failed: Vec<([u8; 32], FailedContent)> = Vec::new();
        while let Some(row) = rows.next()? {
            let sha256 = row.get(0)?;
            let path = locations::path(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?);
            let vanished: bool = row.get(2)?;
            match failed.last_mut() {
                Some((last, content)) if *last == sha256 => {
                    content.aliases.push(path);
                    content.vanished &= vanished;
                }
                _ => {
                    let (kind, reason) = (row.get(3)?, row.get(4)?);
                    let content = FailedContent { path, aliases: Vec::new(), vanished, kind, reason };
                    failed.push((sha256, content));
                }
            }
        }
        let mut failed: Vec<_> = failed.into_iter().map(|(_, content)| content).collect();
        failed.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        Ok(failed)
    }

    fn count(&self, query: &str, parameters: impl rusqlite::Params) -> Result<u64, StoreError> {
        Ok(self.connection.query_row(query, parameters, |row| row.get::<_, i64>(0))? as u64)
    }
}

/// JSON is text, a path need not be.
fn lossy<S: serde::Serializer>(path: &std::path::Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

fn all_lossy<S: serde::Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}
