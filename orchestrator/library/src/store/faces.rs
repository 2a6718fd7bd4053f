//! Faces as rows.

use facesets_core::{BBox, Embedding, Face, FaceEmbedding, believed_pose, face::Keypoints, roll_of};
use rusqlite::{Row, Transaction, params};

use super::{StoreError, blob};

/// The columns that [`read`] needs, in its order; `face` and `embedding` must be joined.
pub(super) const COLUMNS: &str = "face.x1, face.y1, face.x2, face.y2, face.det_score, face.norm, face.blur, \
     face.keypoints, face.landmarks_106, face.landmarks_68, embedding.vector";

pub(super) fn insert(
    transaction: &Transaction<'_>,
    analysis_id: i64,
    number: i64,
    face: &Face,
) -> Result<(), StoreError> {
    let [x1, y1, x2, y2] = face.bbox.corners();
    transaction
        .prepare_cached(
            "INSERT INTO face (analysis_id, number, x1, y1, x2, y2, det_score, norm, blur, keypoints, \
             landmarks_106, landmarks_68) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            analysis_id,
            number,
            x1,
            y1,
            x2,
            y2,
            face.det_score,
            face.embedding.norm,
            face.blur,
            blob::encode(face.keypoints.as_flattened()),
            blob::encode(face.landmarks_106.as_flattened()),
            blob::encode(face.landmarks_68.as_flattened()),
        ])?;
    transaction
        .prepare_cached("INSERT INTO embedding (face_id, vector) VALUES (?1, ?2)")?
        .execute(params![transaction.last_insert_rowid(), blob::encode(face.embedding.unit.as_slice())])?;
    Ok(())
}

/// The face in a row whose columns from `first` on are [`COLUMNS`].
pub(super) fn read(row: &Row<'_>, first: usize) -> Result<Face, StoreError> {
    let blob = |column: usize| row.get_ref(first + column)?.as_blob().map_err(rusqlite::Error::from);
    let unit = Embedding::from_unit(blob::decode(blob(10)?).collect()).map_err(damaged)?;
    Ok(Face {
        bbox: bbox(row, first)?,
        det_score: row.get(first + 4)?,
        keypoints: keypoints(blob(7)?)?,
        embedding: FaceEmbedding { unit, norm: row.get(first + 5)? },
        landmarks_106: blob::decode_points(blob(8)?)?,
        landmarks_68: blob::decode_points(blob(9)?)?,
        blur: row.get(first + 6)?,
    })
}

/// The detector's points in a column's bytes.
pub(super) fn keypoints(bytes: &[u8]) -> Result<Keypoints, StoreError> {
    let points = blob::decode_points(bytes)?.try_into();
    points.map_err(|_| StoreError::Damaged("a face has not five keypoints".to_owned()))
}

/// Columns that [`angles`] needs, in its order.
pub(super) const POINTS: &str = "landmarks_68, keypoints";

/// Pitch, yaw and roll in degrees from the columns [`POINTS`] from `first` on, NaN for what is not known:
/// pitch and yaw where the landmarks are not believed, all of them where no points say anything.
pub(super) fn angles(row: &Row<'_>, first: usize) -> Result<[f32; 3], StoreError> {
    let blob = |column: usize| row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from);
    let roll = roll_of(&keypoints(blob(first + 1)?)?);
    Ok(match believed_pose(&blob::decode_points(blob(first)?)?, roll) {
        Some(pose) => [pose.pitch, pose.yaw, pose.roll],
        None => [f32::NAN, f32::NAN, roll.unwrap_or(f32::NAN)],
    })
}

/// The box in the four columns from `first` on.
pub(super) fn bbox(row: &Row<'_>, first: usize) -> Result<BBox, StoreError> {
    let corners = [row.get(first)?, row.get(first + 1)?, row.get(first + 2)?, row.get(first + 3)?];
    BBox::new(corners).map_err(damaged)
}

/// What no column may hold.
pub(super) fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(error.to_string())
}
