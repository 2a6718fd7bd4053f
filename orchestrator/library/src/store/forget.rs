//! Forgetting photos for good: what the library knows of them leaves it, and the bytes leave the file.

use std::{os::unix::ffi::OsStrExt as _, path::Path};

use facesets_base::location::Location;
use facesets_core::Sha256Digest;
use rusqlite::{Rows, Transaction, params};
use serde::Serialize;

use super::{Store, StoreError, Writer, locations, range_below};

/// A content of which everything can be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The content.
    pub sha256: Sha256Digest,
    /// Where it lies, or lay, in byte order; empty where every such place has another content by now.
    pub locations: Vec<Location>,
    /// Faces in it, under all contracts.
    pub faces: u64,
}

/// What was forgotten, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Forgotten {
    /// Contents.
    pub contents: u64,
    /// Places where they lay.
    pub locations: u64,
    /// Results and failures.
    pub analyses: u64,
    /// Faces with their embeddings, under all contracts.
    pub faces: u64,
    /// Pins that were about one of their faces.
    pub pins: u64,
    /// Faces that statements about consent no longer name.
    pub consents: u64,
    /// Faces whose refusal stays, so that it holds should the photo come back.
    pub refusals_kept: u64,
}

/// Selects the contents of which no place counts: each is gone, or has another content by now.
pub(super) const GONE_CONTENTS: &str = "SELECT sha256 FROM content WHERE NOT EXISTS (SELECT 1 FROM location \
     WHERE location.sha256 = content.sha256 AND path NOT IN (SELECT path FROM gone))";

impl Store {
    /// The contents that lie, or lay, at a path or below it.
    pub fn contents_at(&self, path: &Path) -> Result<Vec<Known>, StoreError> {
        let (first, end) = range_below(path);
        let mut statement = self.connection.prepare_cached(&known(
            "SELECT sha256 FROM location WHERE path = ?1 OR (path >= ?2 AND path < ?3)",
        ))?;
        known_contents(statement.query(params![path.as_os_str().as_bytes(), first, end])?)
    }

    /// The contents that are gone: each place where they lay is gone, or has another content by now.
    pub fn gone_contents(&self) -> Result<Vec<Known>, StoreError> {
        let mut statement = self.connection.prepare_cached(&known(GONE_CONTENTS))?;
        known_contents(statement.query([])?)
    }
}

/// A query for all places of the contents that `which` selects.
fn known(which: &str) -> String {
    format!(
        "SELECT content.sha256, location.path, (SELECT count(*) FROM analysis JOIN face ON face.analysis_id = analysis.id \
         WHERE analysis.sha256 = content.sha256) FROM content LEFT JOIN location USING (sha256) \
         WHERE content.sha256 IN ({which}) ORDER BY content.sha256, location.path"
    )
}

fn known_contents(mut rows: Rows<'_>) -> Result<Vec<Known>, StoreError> {
    let mut found: Vec<Known> = Vec::new();
    while let Some(row) = rows.next()? {
        let blob = |column| row.get_ref(column)?.as_blob_or_null().map_err(rusqlite::Error::from);
        let sha256 = locations::digest(blob(0)?.unwrap_or_default())?;
        if found.last().is_none_or(|last| last.sha256 != sha256) {
            found.push(Known { sha256, locations: Vec::new(), faces: row.get::<_, i64>(2)? as u64 });
        }
        let paths = &mut found.last_mut().expect("one was only just pushed").locations;
        paths.extend(blob(1)?.map(locations::at));
    }
    Ok(found)
}

impl Writer {
    /// Forgets contents, all of them or, on an error, none: places, results, faces, pins and what was said of
    /// consent. A refusal that is the last word about a face stays. The journal of changes to folders stays
    /// too: `undo` needs it, and it holds no measurement.
    pub fn forget(&mut self, contents: &[Sha256Digest]) -> Result<Forgotten, StoreError> {
        // What is deleted is overwritten.
        self.connection().pragma_update(None, "secure_delete", true)?;
        let transaction = self.connection().transaction()?;
        let forgotten = delete(&transaction, contents)?;
        transaction.commit()?;
        tracing::info!(?forgotten, "forgotten");
        Ok(forgotten)
    }

    /// Forgets the places that are gone of contents that lie elsewhere too; returns how many.
    pub fn forget_gone_places(&mut self) -> Result<u64, StoreError> {
        let places = "DELETE FROM location WHERE path IN (SELECT path FROM gone)";
        Ok(self.connection().execute(places, [])? as u64)
    }

    /// Writes the database anew without whatever was deleted from it, and empties its log: rows that pages
    /// were split over leave copies behind.
    pub fn scrub(&mut self) -> Result<(), StoreError> {
        let connection = self.connection();
        connection.execute_batch("VACUUM")?;
        let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy { Err(StoreError::LogInUse) } else { Ok(()) }
    }
}

fn delete(transaction: &Transaction<'_>, contents: &[Sha256Digest]) -> Result<Forgotten, StoreError> {
    transaction.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS doomed (sha256 BLOB NOT NULL PRIMARY KEY) WITHOUT ROWID; DELETE FROM doomed;",
    )?;
    let mut doom = transaction.prepare("INSERT OR IGNORE INTO doomed (sha256) VALUES (?1)")?;
    for sha256 in contents {
        doom.execute([sha256.as_bytes()])?;
    }
    drop(doom);
    let run = |query: &str| Ok::<u64, StoreError>(transaction.execute(query, [])? as u64);
    let mut forgotten = Forgotten {
        faces: run("DELETE FROM face WHERE analysis_id IN (SELECT id FROM analysis WHERE sha256 IN doomed)")?,
        analyses: run("DELETE FROM analysis WHERE sha256 IN doomed")?,
        pins: run("DELETE FROM pin WHERE sha256 IN doomed OR sha256_b IN doomed")?,
        consents: run("DELETE FROM consent_face WHERE sha256 IN doomed AND (consent, number) NOT IN ( \
             SELECT said.consent, said.number FROM consent_face AS said JOIN consent ON id = said.consent \
             WHERE state = 'refused' AND NOT EXISTS ( \
                 SELECT 1 FROM consent_face AS later JOIN consent ON id = later.consent \
                 WHERE later.consent > said.consent AND state IS NOT NULL AND later.sha256 = said.sha256 \
                   AND later.x1 = said.x1 AND later.y1 = said.y1 AND later.x2 = said.x2 AND later.y2 = said.y2))")?,
        ..Forgotten::default()
    };
    forgotten.refusals_kept = transaction.query_row(
        "SELECT count(*) FROM (SELECT DISTINCT sha256, x1, y1, x2, y2 FROM consent_face WHERE sha256 IN doomed)",
        [],
        |row| Ok(row.get::<_, i64>(0)? as u64),
    )?;
    run("DELETE FROM consent WHERE id NOT IN (SELECT consent FROM consent_face)")?;
    for table in ["strike", "camera", "picture"] {
        run(&format!("DELETE FROM {table} WHERE sha256 IN doomed"))?;
    }
    run("DELETE FROM unreadable WHERE path IN (SELECT path FROM location WHERE sha256 IN doomed)")?;
    forgotten.locations = run("DELETE FROM location WHERE sha256 IN doomed")?;
    forgotten.contents = run("DELETE FROM content WHERE sha256 IN doomed")?;
    transaction.execute_batch("DELETE FROM doomed")?;
    Ok(forgotten)
}
