//! Between the crops of faces and what is measured of them: inputs of the networks, and their outputs as a
//! face.

use facesets_core::{
    ClipEmbedding, Face, FaceEmbedding, GenderAge,
    wire::{ItemFailure, ModelRole},
};
use facesets_imaging::{Photo, RgbImage};

use super::{
    FaceModels,
    crops::{Candidate, Sides},
    failure::internal,
};
use crate::{
    device::{Call, Row},
    engine::{RoleWord as _, Tensor},
    vision::{CLIP_SIDE, GENDER_AGE_SIDE, append_clip, append_nchw, clip_crop},
};

/// Faces of one photo whose inputs are in memory at once: the largest batch.
pub(super) const FACES_AT_ONCE: usize = 32;

/// The recogniser's call and those of the 106-point and the 68-point network, a row a candidate each.
pub(super) fn calls(group: &[Candidate], models: &FaceModels, sides: Sides) -> [Call; 3] {
    let call = |role, side: u32, crop: fn(&Candidate) -> &RgbImage| {
        let normalisation = models.normalisation(role);
        let mut values = Vec::with_capacity(group.len() * 3 * (side * side) as usize);
        for candidate in group {
            append_nchw(&mut values, crop(candidate), normalisation);
        }
        Call { role, side: side as usize, rows: group.len(), values }
    };
    [
        call(ModelRole::Recognition, sides.recognition, |candidate| &candidate.aligned),
        call(ModelRole::Landmarks106, sides.landmarks_106, |candidate| &candidate.crop_106.1),
        call(ModelRole::Landmarks68, sides.landmarks_68, |candidate| &candidate.crop_68().1),
    ]
}

/// The call of the network for gender and age, a row a crop.
pub(super) fn gender_age_call(crops: &[RgbImage], models: &FaceModels) -> Call {
    let mut values = Vec::with_capacity(crops.len() * 3 * (GENDER_AGE_SIDE * GENDER_AGE_SIDE) as usize);
    for crop in crops {
        append_nchw(&mut values, crop, models.normalisation(ModelRole::GenderAge));
    }
    Call { role: ModelRole::GenderAge, side: GENDER_AGE_SIDE as usize, rows: crops.len(), values }
}

/// What that network says of one face.
pub(super) fn gender_age(row: &Row) -> Result<GenderAge, ItemFailure> {
    match only(ModelRole::GenderAge, row)? {
        [female, male, age] if [female, male, age].iter().all(|value| value.is_finite()) => {
            Ok(GenderAge { female: *female, male: *male, age: *age })
        }
        values => Err(internal(format!("{values:?} is no estimate of gender and age"))),
    }
}

/// The visual tower's call for a photo.
pub(super) fn clip_call(photo: &Photo) -> Call {
    let mut values = Vec::new();
    append_clip(&mut values, &clip_crop(&photo.to_rgb()));
    Call { role: ModelRole::ClipVisual, side: CLIP_SIDE as usize, rows: 1, values }
}

/// What the visual tower says of one photo.
pub(super) fn clip_embedding(rows: &[Row]) -> Result<ClipEmbedding, ItemFailure> {
    let [row] = rows else { return Err(internal(format!("{} answers for one photo", rows.len()))) };
    ClipEmbedding::from_raw(only(ModelRole::ClipVisual, row)?).map_err(internal)
}

/// A face of a candidate and the three networks' outputs for it.
pub(super) fn face(candidate: &Candidate, outputs: [&Row; 3]) -> Result<Face, ItemFailure> {
    let [embedding, points_106, points_68] = outputs;
    let embedding = FaceEmbedding::from_raw(only(ModelRole::Recognition, embedding)?).map_err(internal)?;
    let points_106 = only(ModelRole::Landmarks106, points_106)?;
    let points_68 = only(ModelRole::Landmarks68, points_68)?;
    let landmarks_106 = candidate.crop_106.0.points_106(points_106).map_err(internal)?;
    let landmarks_68 = candidate.crop_68().0.points_68(points_68).map_err(internal)?;
    let mut coordinates = landmarks_106.as_flattened().iter().chain(landmarks_68.as_flattened());
    if !coordinates.all(|v| v.is_finite()) {
        return Err(internal("a landmark is not finite"));
    }
    Ok(Face {
        bbox: candidate.bbox,
        det_score: candidate.detection.score,
        keypoints: candidate.detection.keypoints,
        embedding,
        landmarks_106,
        landmarks_68,
        blur: candidate.blur,
    })
}

/// The values of a model's only output.
fn only(role: ModelRole, outputs: &Row) -> Result<&[f32], ItemFailure> {
    match &outputs[..] {
        [Tensor { values, .. }] if !values.is_empty() => Ok(values),
        outputs => Err(internal(format!(
            "the {} model has {} outputs instead of one of some length",
            role.word(),
            outputs.len()
        ))),
    }
}
