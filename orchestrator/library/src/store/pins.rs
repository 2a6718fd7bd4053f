//! What the user says of faces.

use facesets_core::{BBox, Sha256Digest};
use facesets_people::pins::{Pin, PinKind, PinnedFace};
use rusqlite::{Row, params};

use super::{Store, StoreError, Writer, faces::bbox, locations};

/// A kind of pin as the store has it.
fn text(kind: PinKind) -> &'static str {
    match kind {
        PinKind::Same => "same",
        PinKind::Different => "different",
        PinKind::NoFace => "no_face",
    }
}

fn parse(kind: &str) -> Result<PinKind, StoreError> {
    let all = [PinKind::Same, PinKind::Different, PinKind::NoFace];
    let known = all.into_iter().find(|known| text(*known) == kind);
    known.ok_or_else(|| StoreError::Damaged(format!("`{kind}` is no kind of pin")))
}

impl Store {
    /// Every pin, oldest first. None in a store that was written before there were pins.
    pub fn pins(&self) -> Result<Vec<Pin>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT id, kind, sha256, x1, y1, x2, y2, sha256_b, x1_b, y1_b, x2_b, y2_b FROM pin ORDER BY id",
        )?;
        let rows = statement.query_map([], |row| Ok(pin(row)))?;
        rows.map(|row| row?).collect()
    }
}

impl Writer {
    /// Remembers a statement; returns its number.
    pub fn add_pin(&mut self, kind: PinKind, a: &PinnedFace, b: &PinnedFace) -> Result<i64, StoreError> {
        let corners = |face: &PinnedFace| face.bbox.corners();
        let ([x1, y1, x2, y2], [x1_b, y1_b, x2_b, y2_b]) = (corners(a), corners(b));
        let connection = &self.store().connection;
        connection.execute(
            "INSERT INTO pin (kind, sha256, x1, y1, x2, y2, sha256_b, x1_b, y1_b, x2_b, y2_b) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                text(kind),
                a.sha256.as_bytes(),
                x1,
                y1,
                x2,
                y2,
                b.sha256.as_bytes(),
                x1_b,
                y1_b,
                x2_b,
                y2_b,
            ],
        )?;
        Ok(connection.last_insert_rowid())
    }

    /// Forgets a statement; whether there was one of that number.
    pub fn remove_pin(&mut self, id: i64) -> Result<bool, StoreError> {
        Ok(self.store().connection.execute("DELETE FROM pin WHERE id = ?1", [id])? > 0)
    }
}

fn pin(row: &Row<'_>) -> Result<Pin, StoreError> {
    let kind: String = row.get(1)?;
    let face = |first: usize| -> Result<PinnedFace, StoreError> {
        let digest: Sha256Digest =
            locations::digest(row.get_ref(first)?.as_blob().map_err(rusqlite::Error::from)?)?;
        let bbox: BBox = bbox(row, first + 1)?;
        Ok(PinnedFace { sha256: digest, bbox })
    };
    Ok(Pin { id: row.get(0)?, kind: parse(&kind)?, a: face(2)?, b: face(7)? })
}
