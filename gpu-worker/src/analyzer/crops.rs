//! From detections to what the other networks look at: the work on a photo's pixels, after which the photo is
//! not needed any more.

use facesets_core::{
    BBox,
    geometry::PixelRect,
    wire::{ItemFailure, ModelRole},
};
use facesets_imaging::{Photo, RgbImage};

use super::{Common, failure::internal};
use crate::{
    device::Device,
    engine::EngineError,
    meter::{Meter, Stage},
    vision::{
        ARCFACE_SIDE, Affine, CLIP_SIDE, Detection, GENDER_AGE_SIDE, LandmarkCrop, align, laplacian_variance,
        warp,
    },
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
                ModelRole::GenderAge => height.is_none_or(|side| side == GENDER_AGE_SIDE as usize),
            };
            if channels.is_some_and(|channels| channels != 3) || height != width || !fits {
                let reason = format!("its input is {:?}", device.input_shape(role));
                return Err(EngineError::Signature { role, reason });
            }
            Ok(height.map_or(otherwise, |side| side as u32))
        };
        side(ModelRole::Detection, 0)?;
        side(ModelRole::ClipVisual, CLIP_SIDE)?;
        side(ModelRole::GenderAge, GENDER_AGE_SIDE)?;
        Ok(Self {
            recognition: side(ModelRole::Recognition, ARCFACE_SIDE)?,
            landmarks_106: side(ModelRole::Landmarks106, LANDMARK_SIDE)?,
            landmarks_68: side(ModelRole::Landmarks68, LANDMARK_SIDE)?,
        })
    }
}

/// What is cut out for every usable detection, in their order.
pub(super) fn cut(
    photo: &Photo,
    detections: Vec<Detection>,
    sides: Sides,
    common: &Common,
) -> Result<Vec<Candidate>, ItemFailure> {
    let mut memory = common.windows.take();
    let usable = detections.into_iter().filter_map(|detection| Cuts::of(detection, sides).transpose());
    let candidates = usable.map(|cuts| Ok(cuts?.make(photo, &mut memory, &common.meter))).collect();
    common.windows.give_back(memory);
    candidates
}

/// What is to be cut out for a detection.
struct Cuts {
    bbox: BBox,
    detection: Detection,
    recognition: (Affine, u32),
    crop_106: LandmarkCrop,
    crop_68: Option<LandmarkCrop>,
}

impl Cuts {
    /// A warning and nothing if the detection spans no box or cannot be aligned.
    fn of(detection: Detection, sides: Sides) -> Result<Option<Self>, ItemFailure> {
        let Some(bbox) = bbox_of(&detection) else { return Ok(None) };
        let finite = detection.keypoints.as_flattened().iter().all(|v| v.is_finite());
        let Some(alignment) = finite.then(|| align(&detection.keypoints, sides.recognition)).flatten() else {
            let corners = detection.corners;
            tracing::warn!(?corners, "a detection is dropped: its keypoints cannot be aligned");
            return Ok(None);
        };
        let about = |side| crop_about(&bbox, side);
        let another = sides.landmarks_68 != sides.landmarks_106;
        let crop_68 = another.then(|| about(sides.landmarks_68)).transpose()?;
        let crop_106 = about(sides.landmarks_106)?;
        Ok(Some(Self { bbox, detection, recognition: (alignment, sides.recognition), crop_106, crop_68 }))
    }

    /// `memory` is for the pixels around the face.
    fn make(self, photo: &Photo, memory: &mut Vec<u8>, meter: &Meter) -> Candidate {
        let Self { bbox, detection, recognition: (alignment, side), crop_106, crop_68 } = self;
        let reach = self.reach(photo.dimensions().into());
        let window = meter.time(Stage::Colour, 1, || photo.window(reach, memory));
        let aligned = meter.time(Stage::Align, 1, || warp(&window, &alignment, side));
        let blur = meter.time(Stage::Blur, 1, || laplacian_variance(&window, &bbox));
        let (crop_106, crop_68) = meter.time(Stage::Crop, 1, || {
            let cut = |crop: LandmarkCrop| (crop, crop.cut(&window));
            (cut(crop_106), crop_68.map(cut))
        });
        Candidate { bbox, detection, blur, aligned, crop_106, crop_68 }
    }

    /// The pixels of a photo of this size that are looked at.
    fn reach(&self, size: [u32; 2]) -> PixelRect {
        let (alignment, side) = self.recognition;
        let crops = [Some(self.crop_106), self.crop_68].into_iter().flatten();
        let crops = crops.filter_map(|crop| crop.reach(size));
        let parts = crops.chain(alignment.reach(side, size)).chain(self.bbox.clamped(size[0], size[1]));
        parts.reduce(|a, b| a.enclosing(&b)).unwrap_or_default()
    }
}

/// What the network for gender and age looks at, a crop a candidate.
pub(super) fn for_gender_age(
    photo: &Photo,
    candidates: &[Candidate],
    common: &Common,
) -> Result<Vec<RgbImage>, ItemFailure> {
    let mut memory = common.windows.take();
    let mut cut = |candidate: &Candidate| {
        let crop = crop_about(&candidate.bbox, GENDER_AGE_SIDE)?;
        let reach = crop.reach(photo.dimensions().into()).unwrap_or_default();
        Ok(crop.cut(&photo.window(reach, &mut memory)))
    };
    let all = || candidates.iter().map(&mut cut).collect();
    let crops = common.meter.time(Stage::GenderAgeCrop, candidates.len(), all);
    common.windows.give_back(memory);
    crops
}

fn crop_about(bbox: &BBox, side: u32) -> Result<LandmarkCrop, ItemFailure> {
    LandmarkCrop::about(bbox, side).ok_or_else(|| internal(format!("{bbox:?} is too vast for a crop")))
}

/// A warning and nothing if the detection's corners span no box.
pub(super) fn bbox_of(detection: &Detection) -> Option<BBox> {
    let bbox = BBox::new(detection.corners);
    if bbox.is_err() {
        tracing::warn!(corners = ?detection.corners, "a detection is dropped: its corners span no box");
    }
    bbox.ok()
}
