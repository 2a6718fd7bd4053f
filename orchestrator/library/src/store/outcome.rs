//! What came of a content under a contract.

use std::collections::HashMap;

use facesets_base::location::Location;
use facesets_core::{
    Sha256Digest,
    told::{MAX_MESSAGE, told},
    wire::ItemFailureKind,
};
use rusqlite::{OptionalExtension as _, Row, Rows, params};

use super::{Store, StoreError, locations};

/// The task of finding, embedding and measuring faces.
pub const TASK_FACES: &str = "faces";

/// The kind of failure of contents of which workers die.
pub const KILLS_WORKER: &str = "kills_worker";

/// What is known of a content under a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Analysed.
    Done {
        /// Faces found.
        faces: u64,
    },
    /// Cannot be analysed.
    Failed(Failed),
}

/// Why a content cannot be analysed, now and in future.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// A stable word.
    pub kind: String,
    /// What happened, in words.
    pub message: String,
}

/// A content that failed, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundAgain {
    /// The content.
    pub sha256: Sha256Digest,
    /// Its size.
    pub bytes: u64,
    /// Its paths that are there, in byte order.
    pub locations: Vec<Location>,
}

/// A failure that will not go away by itself; other kinds cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFailure {
    failed: Failed,
}

/// What measured: recorded beside a result.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance {
    /// Execution provider.
    pub provider: String,
    /// Version of the worker, whose decoder was used.
    pub worker_version: String,
    /// Version of ONNX Runtime.
    pub runtime_version: String,
}

impl StoredFailure {
    /// `None` for kinds that another try, another worker or a mended one may not show.
    pub fn new(kind: ItemFailureKind, message: impl Into<String>) -> Option<Self> {
        let permanent = matches!(
            kind,
            ItemFailureKind::Decode | ItemFailureKind::TooLarge | ItemFailureKind::Unsupported
        );
        permanent.then(|| Self::of(kind.word().to_owned(), &message.into()))
    }

    /// Workers died of it.
    pub fn kills_worker(message: impl Into<String>) -> Self {
        Self::of(KILLS_WORKER.to_owned(), &message.into())
    }

    /// What is stored of a message is short and has no control characters, wherever it comes from.
    fn of(kind: String, message: &str) -> Self {
        Self { failed: Failed { kind, message: told(message, MAX_MESSAGE) } }
    }

    /// A failure by the word for its kind; gives it back if it is not one that lasts.
    pub fn named(failed: Failed) -> Result<Self, Failed> {
        let kind = ItemFailureKind::ALL.into_iter().find(|kind| kind.word() == failed.kind);
        if failed.kind == KILLS_WORKER || kind.is_some_and(|kind| Self::new(kind, "").is_some()) {
            Ok(Self::of(failed.kind, &failed.message))
        } else {
            Err(failed)
        }
    }

    /// What the store holds, whatever it is.
    pub(super) fn stored(failed: Failed) -> Self {
        Self { failed }
    }

    /// What is stored of it.
    pub fn failed(&self) -> &Failed {
        &self.failed
    }
}

impl Store {
    /// What is known of a content under a contract.
    pub fn outcome(&self, sha256: &Sha256Digest, contract: &str) -> Result<Option<Outcome>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT error_kind, coalesce(error_message, ''), \
                    (SELECT count(*) FROM face WHERE analysis_id = analysis.id) \
             FROM analysis WHERE sha256 = ?1 AND task = ?2 AND contract = ?3",
        )?;
        let key = params![sha256.as_bytes(), TASK_FACES, contract];
        Ok(statement.query_row(key, outcome).optional()?)
    }

    /// What is known of all contents under a contract.
    pub fn outcomes(&self, contract: &str) -> Result<HashMap<Sha256Digest, Outcome>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT error_kind, coalesce(error_message, ''), \
                    (SELECT count(*) FROM face WHERE analysis_id = analysis.id), sha256 \
             FROM analysis WHERE task = ?1 AND contract = ?2",
        )?;
        let mut rows = statement.query(params![TASK_FACES, contract])?;
        let mut outcomes = HashMap::new();
        while let Some(row) = rows.next()? {
            let digest = locations::digest(row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?)?;
            outcomes.insert(digest, outcome(row)?);
        }
        Ok(outcomes)
    }

    /// Contents that failed under a contract in one of some ways, or in any if none is named, each with its
    /// size and all its paths that are there and count in byte order. Without those that are no longer
    /// anywhere.
    pub fn failed_contents(&self, contract: &str, kinds: &[String]) -> Result<Vec<FoundAgain>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT analysis.sha256, bytes, location.path, error_kind FROM analysis \
             JOIN content USING (sha256) JOIN counted_location AS location USING (sha256) \
             WHERE task = ?1 AND contract = ?2 AND outcome = 'failed' AND NOT vanished \
             ORDER BY analysis.sha256, location.path",
        )?;
        found_again(statement.query(params![TASK_FACES, contract])?, |row| {
            Ok(kinds.is_empty() || kinds.contains(&row.get(3)?))
        })
    }

    /// Every contract under which faces were looked for, sorted.
    pub fn contracts(&self) -> Result<Vec<String>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT DISTINCT contract FROM analysis WHERE task = ?1 ORDER BY contract")?;
        let rows = statement.query_map([TASK_FACES], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The contract meant: the one asked for if it is there, else the only one.
    pub fn choose_contract(&self, wanted: Option<&str>) -> Result<String, StoreError> {
        let mut present = self.contracts()?;
        match wanted {
            Some(wanted) if present.iter().any(|contract| contract == wanted) => Ok(wanted.to_owned()),
            Some(wanted) if !present.is_empty() => {
                Err(StoreError::UnknownContract { wanted: wanted.to_owned(), present })
            }
            None if present.len() > 1 => Err(StoreError::SeveralContracts(present)),
            _ => present.pop().ok_or(StoreError::NothingAnalysed),
        }
    }
}

/// Contents with their size and all their paths, out of those rows that are `wanted`: digest, size, path and
/// whatever else, by digest.
pub(super) fn found_again(
    mut rows: Rows<'_>,
    wanted: impl Fn(&Row<'_>) -> rusqlite::Result<bool>,
) -> Result<Vec<FoundAgain>, StoreError> {
    let mut found: Vec<FoundAgain> = Vec::new();
    while let Some(row) = rows.next()? {
        if !wanted(row)? {
            continue;
        }
        let blob = |column| row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from);
        let (sha256, path) = (locations::digest(blob(0)?)?, locations::at(blob(2)?));
        match found.last_mut() {
            Some(last) if last.sha256 == sha256 => last.locations.push(path),
            _ => {
                found.push(FoundAgain { sha256, bytes: row.get::<_, i64>(1)? as u64, locations: vec![path] });
            }
        }
    }
    Ok(found)
}

/// Kind and message of a failure, or the number of faces.
fn outcome(row: &Row<'_>) -> rusqlite::Result<Outcome> {
    Ok(match row.get(0)? {
        Some(kind) => Outcome::Failed(Failed { kind, message: row.get(1)? }),
        None => Outcome::Done { faces: row.get::<_, i64>(2)? as u64 },
    })
}
