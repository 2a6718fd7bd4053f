//! Who agreed to what: statements about faces.

use facesets_core::Sha256Digest;
use facesets_people::{
    consent::{ConsentState, Statement, StatementText},
    pins::PinnedFace,
};
use rusqlite::{Row, params};

use super::{Store, StoreError, Writer, faces::bbox, locations};

fn parse(text: &str) -> Result<ConsentState, StoreError> {
    let known = ConsentState::ALL.into_iter().find(|state| state.text() == text);
    known.ok_or_else(|| StoreError::Damaged(format!("`{text}` is no state of consent")))
}

impl Store {
    /// Every statement about consent, licence and source, oldest first.
    pub fn consent_statements(&self) -> Result<Vec<Statement>, StoreError> {
        let mut statement = self
            .connection
            .prepare("SELECT id, about, state, note, licence, source FROM consent ORDER BY id")?;
        let rows = statement.query_map([], |row| Ok(said(row)))?;
        let mut statements = Vec::new();
        for row in rows {
            let (id, about, said) = row??;
            statements.push(Statement { id, about, said, faces: self.consent_faces(id)? });
        }
        Ok(statements)
    }

    fn consent_faces(&self, id: i64) -> Result<Vec<PinnedFace>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT sha256, x1, y1, x2, y2 FROM consent_face WHERE consent = ?1 ORDER BY number",
        )?;
        let rows = statement.query_map([id], |row| Ok(face(row)))?;
        rows.map(|row| row?).collect()
    }
}

impl Writer {
    /// Remembers a statement about some faces; returns its number.
    pub fn add_consent(
        &mut self,
        about: &str,
        said: &StatementText,
        faces: &[PinnedFace],
    ) -> Result<i64, StoreError> {
        let transaction = self.store().connection.unchecked_transaction()?;
        transaction.execute(
            "INSERT INTO consent (about, state, note, licence, source) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![about, said.consent.map(ConsentState::text), said.note, said.licence, said.source],
        )?;
        let id = transaction.last_insert_rowid();
        for (number, PinnedFace { sha256, bbox }) in (0i64..).zip(faces) {
            let [x1, y1, x2, y2] = bbox.corners();
            transaction
                .prepare_cached("INSERT INTO consent_face VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
                .execute(params![id, number, sha256.as_bytes(), x1, y1, x2, y2])?;
        }
        transaction.commit()?;
        Ok(id)
    }

    /// Forgets a statement; whether there was one of that number.
    pub fn remove_consent(&mut self, id: i64) -> Result<bool, StoreError> {
        let transaction = self.store().connection.unchecked_transaction()?;
        transaction.execute("DELETE FROM consent_face WHERE consent = ?1", [id])?;
        let removed = transaction.execute("DELETE FROM consent WHERE id = ?1", [id])? > 0;
        transaction.commit()?;
        Ok(removed)
    }
}

fn said(row: &Row<'_>) -> Result<(i64, String, StatementText), StoreError> {
    let state: Option<String> = row.get(2)?;
    let consent = state.as_deref().map(parse).transpose()?;
    let said = StatementText { consent, note: row.get(3)?, licence: row.get(4)?, source: row.get(5)? };
    Ok((row.get(0)?, row.get(1)?, said))
}

fn face(row: &Row<'_>) -> Result<PinnedFace, StoreError> {
    let digest = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
    let sha256: Sha256Digest = locations::digest(digest)?;
    Ok(PinnedFace { sha256, bbox: bbox(row, 1)? })
}
