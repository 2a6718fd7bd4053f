//! Landmarks by another network than before, for faces that are there.

use facesets_core::{BBox, LandmarksContract, Sha256Digest};
use rusqlite::{Transaction, params};

use super::{FoundAgain, Store, StoreError, TASK_FACES, blob, faces, outcome::found_again};

/// The landmarks of a face in pixels of the upright image.
#[derive(Debug, Clone, PartialEq)]
pub struct Landmarks {
    /// 106 points x, y.
    pub landmarks_106: Vec<[f32; 2]>,
    /// 68 points x, y, z.
    pub landmarks_68: Vec<[f32; 3]>,
}

impl Store {
    /// Contents with faces under `contract` whose landmarks are not under `landmarks`, each with all its
    /// paths that are there and count.
    pub fn with_other_landmarks(
        &self,
        contract: &str,
        landmarks: &LandmarksContract,
    ) -> Result<Vec<FoundAgain>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT analysis.sha256, bytes, location.path FROM analysis \
             JOIN content USING (sha256) JOIN counted_location AS location USING (sha256) \
             WHERE task = ?1 AND contract = ?2 AND outcome = 'done' AND landmarks_contract <> ?3 AND NOT vanished \
             AND EXISTS (SELECT 1 FROM face WHERE analysis_id = analysis.id) \
             ORDER BY analysis.sha256, location.path",
        )?;
        found_again(statement.query(params![TASK_FACES, contract, landmarks.to_string()])?, |_| Ok(true))
    }

    /// The boxes of the faces of a content under a contract, by their numbers.
    pub fn boxes(&self, sha256: &Sha256Digest, contract: &str) -> Result<Vec<BBox>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT x1, y1, x2, y2 FROM analysis JOIN face ON face.analysis_id = analysis.id \
             WHERE sha256 = ?1 AND task = ?2 AND contract = ?3 ORDER BY number",
        )?;
        let mut rows = statement.query(params![sha256.as_bytes(), TASK_FACES, contract])?;
        let mut boxes = Vec::new();
        while let Some(row) = rows.next()? {
            boxes.push(faces::bbox(row, 0)?);
        }
        Ok(boxes)
    }
}

/// Replaces the landmarks of the faces of a content, one entry a face by their numbers; nothing else of them
/// changes.
pub(super) fn write(
    transaction: &Transaction<'_>,
    sha256: &Sha256Digest,
    contract: &str,
    landmarks_contract: &LandmarksContract,
    landmarks: &[Landmarks],
) -> Result<(), StoreError> {
    let key = params![sha256.as_bytes(), TASK_FACES, contract, landmarks_contract.to_string()];
    transaction
        .prepare_cached(
            "UPDATE analysis SET landmarks_contract = ?4 \
             WHERE sha256 = ?1 AND task = ?2 AND contract = ?3 AND outcome = 'done'",
        )?
        .execute(key)?;
    for (number, face) in (0i64..).zip(landmarks) {
        transaction
            .prepare_cached(
                "UPDATE face SET landmarks_106 = ?5, landmarks_68 = ?6 WHERE number = ?4 AND analysis_id = \
                 (SELECT id FROM analysis WHERE sha256 = ?1 AND task = ?2 AND contract = ?3)",
            )?
            .execute(params![
                sha256.as_bytes(),
                TASK_FACES,
                contract,
                number,
                blob::encode(face.landmarks_106.as_flattened()),
                blob::encode(face.landmarks_68.as_flattened()),
            ])?;
    }
    Ok(())
}
