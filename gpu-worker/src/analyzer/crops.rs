//! From detections to what the other networks look at: the work on a photo's pixels, after which the photo is not needed any more.

use facesets_core::{
    BBox,
    wire::{ItemFailure, ModelRole},
};
use facesets_imaging::RgbImage;

use super::failure::internal;
use crate::{
    device::Device,
    engine::EngineError,
    meter::{Meter, Stage},
    vision::{ARCFACE_SIDE, CLIP_SIDE, Detection, LandmarkCrop, align, laplacian_variance},
};

/// Side of the landmark networks' input, when they do not say.
const LANDMARK_SIDE: u32 = 192;

/// Sides of the inputs of the networks that look at faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sides {
    pub(super) recognition: u32,
    pub(super) landmarks_106: u32,
    pub(super) landmarks_68: u32,
}

/// A detection that can be worked with, and what was cut out for it.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) bbox: BBox,
    pub(super) detection: Detection,
    pub(super) blur: f32,
    pub(super) aligned: RgbImage,
    pub(super) crop_106: (LandmarkCrop, RgbImage),
    /// `None` where the two landmark networks look at the same crop, as they do in every known pack.
    pub(super) crop_68: Option<(LandmarkCrop, RgbImage)>,
}

impl Candidate {
    pub(super) fn crop_68(&self) -> &(LandmarkCrop, RgbImage) {
        self.crop_68.as_ref().unwrap_or(&self.crop_106)
    }
}

impl Sides {
    /// Those of a device whose models have the inputs that their roles ask for.
    pub(super) fn of(device: &impl Device) -> Result<Self, EngineError> {
        let side = |role, otherwise: u32| {
            let [_, channels, height, width] = device.input_shape(role);
            let fits = match role {
                ModelRole::Detection => true,
                ModelRole::Recognition => height.is_none_or(|side| side % 112 == 0 || side % 128 == 0),
                ModelRole::Landmarks106 | ModelRole::Landmarks68 => height.is_none_or(|side| side % 2 == 0),
                ModelRole::ClipVisual => height.is_none_or(|side| side == CLIP_SIDE as usize),
            };
            if channels.is_some_and(|channels| channels != 3) || height != width || !fits {
                let reason = format!("its input is {:?}", device.input_shape(role));
                return Err(EngineError::Signature { role, reason });
            }
            Ok(height.map_or(otherwise, |side| side as u32))
        };
        side(ModelRole::Detection, 0)?;
        side(ModelRole::ClipVisual, CLIP_SIDE)?;
        Ok(Self {
            recognition: side(ModelRole::Recognition, ARCFACE_SIDE)?,
            landmarks_106: side(ModelRole::Landmarks106, LANDMARK_SIDE)?,
            landmarks_68: side(ModelRole::Landmarks68, LANDMARK_SIDE)?,
        })
    }
}

/// What is cut out for every usable detection, in their order.
pub(super) fn cut(
    photo: &RgbImage,
    detections: Vec<Detection>,
    sides: Sides,
    meter: &Meter,
) -> Result<Vec<Candidate>, ItemFailure> {
    if detections.is_empty() {
        return Ok(Vec::new());
    }
    let count = detections.len();
    let aligned: Vec<_> = meter.time(Stage::Align, count, || {
        let usable = |detection| aligned(photo, detection, sides.recognition);
        detections.into_iter().filter_map(usable).collect()
    });
    let blurs: Vec<f32> = meter.time(Stage::Blur, aligned.len(), || {
        aligned.iter().map(|(bbox, ..)| laplacian_variance(photo, bbox)).collect()
    });
    meter.time(Stage::Crop, aligned.len(), || {
        let candidates = aligned.into_iter().zip(blurs).map(|((bbox, detection, aligned), blur)| {
            let crop_106 = landmark_crop(photo, &bbox, sides.landmarks_106)?;
            let another = sides.landmarks_68 != sides.landmarks_106;
            let crop_68 = another.then(|| landmark_crop(photo, &bbox, sides.landmarks_68)).transpose()?;
            Ok(Candidate { bbox, detection, blur, aligned, crop_106, crop_68 })
        });
        candidates.collect()
    })
}

/// A warning and nothing if the detection's corners span no box.
pub(super) fn bbox_of(detection: &Detection) -> Option<BBox> {
    let bbox = BBox::new(detection.corners);
    if bbox.is_err() {
        tracing::warn!(corners = ?detection.corners, "a detection is dropped: its corners span no box");
    }
    bbox.ok()
}

/// The detection as a box with the recogniser's crop; a warning and nothing if it spans none.
fn aligned(photo: &RgbImage, detection: Detection, side: u32) -> Option<(BBox, Detection, RgbImage)> {
    let bbox = bbox_of(&detection)?;
    let finite = detection.keypoints.as_flattened().iter().all(|v| v.is_finite());
    let Some(aligned) = finite.then(|| align(photo, &detection.keypoints, side)).flatten() else {
        tracing::warn!(corners = ?detection.corners, "a detection is dropped: its keypoints cannot be aligned");
        return None;
    };
    Some((bbox, detection, aligned))
}

fn landmark_crop(photo: &RgbImage, bbox: &BBox, side: u32) -> Result<(LandmarkCrop, RgbImage), ItemFailure> {
    let crop = LandmarkCrop::about(bbox, side)
        .ok_or_else(|| internal(format!("{bbox:?} is too vast for a crop")))?;
    Ok((crop, crop.cut(photo)))
}
