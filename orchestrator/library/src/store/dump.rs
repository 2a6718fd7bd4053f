//! The canonical dump: the same text for the same content, however it came in.

use std::{fmt::Write as _, io::Write};

use facesets_core::Sha256Digest;
use facesets_imaging::CameraTags;
use rusqlite::Row;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Store, StoreError, camera, faces, locations};

impl Store {
    /// Writes the canonical dump as lines of JSON: locations by path, contents, outcomes and faces by
    /// (content, task, contract, number), and a digest of all lines before it. No row ids, no times, nothing
    /// about who measured, nor the digests of pixels, which not every worker gives.
    pub fn dump(&self, out: &mut dyn Write) -> Result<(), StoreError> {
        let snapshot = self.connection.unchecked_transaction()?;
        let mut lines = Lines { out, hasher: Sha256::new() };
        let query = "SELECT path, sha256, size, vanished, reason, gone.path IS NOT NULL FROM location \
             LEFT JOIN left_out USING (path) LEFT JOIN gone USING (path) ORDER BY path";
        self.each(query, |row| {
            let path = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
            let mut line = json!({
                "location": locations::at(path).text(),
                "path_hex": hex(path),
                "sha256": digest(row, 1)?,
                "size": row.get::<_, i64>(2)?,
                "vanished": row.get::<_, bool>(3)?,
            });
            // Only where it is so: most dumps have no such line.
            if let Some(reason) = row.get::<_, Option<String>>(4)? {
                line["left_out"] = reason.into();
            }
            if row.get(5)? {
                line["gone"] = true.into();
            }
            lines.write(&line)
        })?;
        let query = format!(
            "SELECT content.sha256, bytes, camera.sha256 IS NOT NULL, {} FROM content LEFT JOIN camera USING (sha256) \
             ORDER BY content.sha256",
            camera::COLUMNS
        );
        self.each(&query, |row| {
            let camera = if row.get(2)? { camera_json(&camera::read(row, 3)?) } else { Value::Null };
            lines.write(
                &json!({ "content": digest(row, 0)?, "bytes": row.get::<_, i64>(1)?, "camera": camera }),
            )
        })?;
        self.each(
            "SELECT sha256, task, contract, outcome, error_kind, error_message, width, height, landmarks_contract \
             FROM analysis ORDER BY sha256, task, contract",
            |row| {
                let text = |column| row.get::<_, Option<String>>(column);
                lines.write(&json!({
                    "analysis": digest(row, 0)?,
                    "task": text(1)?,
                    "contract": text(2)?,
                    "outcome": text(3)?,
                    "error_kind": text(4)?,
                    "error_message": text(5)?,
                    "width": row.get::<_, Option<u32>>(6)?,
                    "height": row.get::<_, Option<u32>>(7)?,
                    "landmarks_contract": text(8)?,
                }))
            },
        )?;
        let query = format!(
            "SELECT sha256, task, contract, number, {} FROM analysis JOIN face ON face.analysis_id = analysis.id \
             JOIN embedding ON embedding.face_id = face.id ORDER BY sha256, task, contract, number",
            faces::COLUMNS
        );
        self.each(&query, |row| lines.write(&face(row)?))?;
        lines.finish()?;
        snapshot.finish()?;
        Ok(())
    }

    fn each(
        &self,
        query: &str,
        mut use_row: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare(query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            use_row(row)?;
        }
        Ok(())
    }
}

/// `null` in the place of all this is what nobody has read yet.
fn camera_json(tags: &CameraTags) -> Value {
    let taken = tags.taken.map(|taken| taken.to_string());
    json!({ "taken": taken, "orientation": tags.orientation })
}

/// Numbers as the hexadecimal digits of their little-endian bytes: exact, and equal only if they are.
fn face(row: &Row<'_>) -> Result<Value, StoreError> {
    let face = faces::read(row, 4)?;
    Ok(json!({
        "face": digest(row, 0)?,
        "task": row.get::<_, String>(1)?,
        "contract": row.get::<_, String>(2)?,
        "number": row.get::<_, u32>(3)?,
        "bbox": numbers(&face.bbox.corners()),
        "det_score": numbers(&[face.det_score]),
        "norm": numbers(&[face.embedding.norm]),
        "blur": numbers(&[face.blur]),
        "keypoints": numbers(face.keypoints.as_flattened()),
        "landmarks_106": numbers(face.landmarks_106.as_flattened()),
        "landmarks_68": numbers(face.landmarks_68.as_flattened()),
        "embedding": numbers(face.embedding.unit.as_slice()),
    }))
}

/// Lines on their way out, and their digest.
struct Lines<'a> {
    out: &'a mut dyn Write,
    hasher: Sha256,
}

impl Lines<'_> {
    fn write(&mut self, value: &Value) -> Result<(), StoreError> {
        let line = format!("{value}\n");
        self.hasher.update(&line);
        self.out.write_all(line.as_bytes()).map_err(StoreError::Output)
    }

    fn finish(mut self) -> Result<(), StoreError> {
        let digest = Sha256Digest::from(<[u8; 32]>::from(self.hasher.clone().finalize()));
        self.write(&json!({ "digest": digest.to_string() }))?;
        self.out.flush().map_err(StoreError::Output)
    }
}

fn digest(row: &Row<'_>, column: usize) -> Result<String, StoreError> {
    let bytes = row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?;
    locations::digest(bytes).map(|digest| digest.to_string())
}

fn numbers(values: &[f32]) -> String {
    values.iter().fold(String::with_capacity(values.len() * 8), |mut text, value| {
        text.push_str(&hex(&value.to_le_bytes()));
        text
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
