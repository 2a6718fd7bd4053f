//! What is measured of a face and the gallery leaves out, for a few faces at a time.

use facesets_people::gallery::{FaceDetails, Gallery};
use rusqlite::{OptionalExtension as _, params};

use super::{Store, StoreError, TASK_FACES, blob, faces};

impl Store {
    /// The points of a face (row of a gallery of this store).
    pub fn face_details(&self, gallery: &Gallery, row: usize) -> Result<FaceDetails, StoreError> {
        let (content, number) = (gallery.content_of(row).sha256, gallery.faces[row].number);
        let mut statement = self.connection.prepare_cached(
            "SELECT face.keypoints, face.landmarks_106 FROM analysis JOIN face ON face.analysis_id = analysis.id \
             WHERE analysis.sha256 = ?1 AND analysis.task = ?2 AND analysis.contract = ?3 AND face.number = ?4",
        )?;
        let blobs: Option<(Vec<u8>, Vec<u8>)> = statement
            .query_row(params![content.as_bytes(), TASK_FACES, gallery.contract, number], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let (keypoints, landmarks_106) = blobs
            .ok_or_else(|| StoreError::Damaged(format!("face {number} of content {content} is missing")))?;
        Ok(FaceDetails {
            keypoints: faces::keypoints(&keypoints)?,
            landmarks_106: blob::decode_points(&landmarks_106)?,
        })
    }
}
