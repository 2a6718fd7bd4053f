//! A face model as ReActor saves and loads it: the fields of InsightFace's `Face` as tensors, in their types.
//!
//! ReActor blends a model from several images by averaging their raw embeddings; all else is that of the
//! first image. So it is here: the embedding is that of the other formats, box, points and pose are those of
//! the best-ranked face, in pixels of its upright photo, as they were measured there. What was not measured
//! is neutral, never made up: 0 for landmarks and pose of faces whose library came without them; −1 for
//! gender (female 0, male 1) and age where no model has estimated them. Where one has, they are the set's,
//! not the best face's: see `certificate::gender_age`. Swapping uses the embedding alone.

use std::io;

use facesets_core::face::{LANDMARKS_68, LANDMARKS_106};
use safetensors::{Dtype, tensor::TensorView};

use super::subject::Subject;
use crate::{certificate::GenderAgeRecord, export::manifest::PoseRecord};

/// Gender and age where nobody has estimated them.
const UNKNOWN: i64 = -1;

/// A tensor: name, type, shape and little-endian bytes.
type Tensor = (&'static str, Dtype, Vec<usize>, Vec<u8>);

/// The file for a set.
pub(super) fn bytes(set: &Subject<'_>) -> io::Result<Vec<u8>> {
    let best = set.rows[0];
    let face = &set.gallery.faces[best];
    let details = set
        .extras
        .details
        .get(&best)
        .ok_or_else(|| io::Error::other("the best face's points were not read"))?;
    let known = |pose: PoseRecord| [pose.pitch.unwrap_or_default(), pose.yaw.unwrap_or_default(), pose.roll];
    let pose = PoseRecord::of(face).map_or([0.0; 3], known);
    let (gender, age) = set.gender_age.and_then(GenderAgeRecord::numbers).unwrap_or((UNKNOWN, UNKNOWN));
    let tensors = [
        floats("bbox", &[4], &face.bbox.corners()),
        floats("kps", &[5, 2], details.keypoints.as_flattened()),
        floats("det_score", &[], &[face.det_score]),
        floats("landmark_3d_68", &[LANDMARKS_68, 3], face.landmarks_68.as_flattened()),
        floats("pose", &[3], &pose),
        floats("landmark_2d_106", &[LANDMARKS_106, 2], details.landmarks_106.as_flattened()),
        floats("embedding", &[set.gallery.embeddings.ncols()], &set.mean_raw()),
        ("gender", Dtype::I64, Vec::new(), gender.to_le_bytes().to_vec()),
        ("age", Dtype::I64, Vec::new(), age.to_le_bytes().to_vec()),
    ];
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        Ok((*name, TensorView::new(*dtype, shape.clone(), bytes).map_err(io::Error::other)?))
    });
    let views = views.collect::<io::Result<Vec<_>>>()?;
    safetensors::serialize(views, None).map_err(io::Error::other)
}

/// Numbers in this shape; zeros where there are none at all.
fn floats(name: &'static str, shape: &[usize], values: &[f32]) -> Tensor {
    let bytes = if values.is_empty() {
        vec![0; size_of::<f32>() * shape.iter().product::<usize>()]
    } else {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    };
    (name, Dtype::F32, shape.to_vec(), bytes)
}
