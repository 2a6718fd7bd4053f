//! The crops of a set as a Parquet table, a row each in the order of their ranks.

use std::{io, sync::Arc};

use arrow_array::{ArrayRef, Float32Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;
use facesets_base::layout::CROPS_SCHEMA;
use facesets_core::EMBEDDING_LEN;
use facesets_interop::{nested, plain_properties};
use parquet::{arrow::ArrowWriter, errors::ParquetError};
use serde_json::json;

use super::subject::Subject;
use crate::export::manifest::{ExportedFace, PoseRecord};

/// The file for a set. O(crops · 512) memory.
pub(super) fn bytes(set: &Subject<'_>) -> io::Result<Vec<u8>> {
    let meta =
        json!({"schema": CROPS_SCHEMA, "name": set.name, "contract": set.gallery.contract}).to_string();
    let batch = table(set).map_err(io::Error::other)?;
    let write = || -> Result<Vec<u8>, ParquetError> {
        let mut writer =
            ArrowWriter::try_new(Vec::new(), batch.schema(), Some(plain_properties(&meta).build()))?;
        writer.write(&batch)?;
        writer.into_inner()
    };
    write().map_err(io::Error::other)
}

/// Columns: rank from 1; file, digest and padding of the crop; photo and face (path, sha256, box, detector's
/// confidence); the other terms of quality and their weighted sum; pose in degrees and capture year where
/// they are known; unit embedding of the face in its photo.
fn table(set: &Subject<'_>) -> Result<RecordBatch, ArrowError> {
    let texts = |of: &dyn Fn(&ExportedFace) -> Option<String>| -> ArrayRef {
        Arc::new(set.faces.iter().map(of).collect::<StringArray>())
    };
    let floats = |of: &dyn Fn(&ExportedFace) -> f32| -> ArrayRef {
        Arc::new(Float32Array::from_iter_values(set.faces.iter().map(of)))
    };
    let angle = |of: &dyn Fn(&PoseRecord) -> Option<f32>| -> ArrayRef {
        Arc::new(set.faces.iter().map(|face| face.pose.as_ref().and_then(of)).collect::<Float32Array>())
    };
    let det_scores = set.rows.iter().map(|row| set.gallery.faces[*row].det_score);
    let years = set.rows.iter().map(|row| set.gallery.content_of(*row).capture_year.map(i32::from));
    let boxes = set.faces.iter().flat_map(|face| face.bbox).collect();
    let embeddings = set.rows.iter().flat_map(|row| set.gallery.embedding(*row).to_vec()).collect();
    RecordBatch::try_from_iter_with_nullable([
        ("rank", Arc::new(Int32Array::from_iter_values((1..).take(set.rows.len()))) as ArrayRef, false),
        ("file", texts(&|face| Some(face.file.clone())), false),
        ("png_sha256", texts(&|face| face.png_sha256.clone()), true),
        ("pad_ratio", floats(&|face| face.pad_ratio), false),
        ("source", texts(&|face| Some(face.source.clone())), false),
        ("sha256", texts(&|face| Some(face.sha256.clone())), false),
        ("bbox", nested(boxes, &[4])?, false),
        ("det_score", Arc::new(Float32Array::from_iter_values(det_scores)), false),
        ("frontality", floats(&|face| face.quality.terms.frontality), false),
        ("landmark_symmetry", floats(&|face| face.quality.terms.landmark_symmetry), false),
        ("face_size", floats(&|face| face.quality.terms.face_size), false),
        ("sharpness", floats(&|face| face.quality.terms.sharpness), false),
        ("composite", floats(&|face| face.quality.composite), false),
        ("pitch", angle(&|pose| pose.pitch), true),
        ("yaw", angle(&|pose| pose.yaw), true),
        ("roll", angle(&|pose| Some(pose.roll)), true),
        ("capture_year", Arc::new(years.collect::<Int32Array>()), true),
        ("embedding", nested(embeddings, &[EMBEDDING_LEN])?, false),
    ])
}
