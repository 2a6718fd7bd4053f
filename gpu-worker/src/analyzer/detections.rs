//! What was detected in one photo, so that several tasks of an item share a run of the detector.

use crate::vision::Detection;

/// Everything that decides what the detector finds in a photo.
///
/// Thresholds are kept as bits: they are compared for being the very same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Detecting {
    /// Side of the detector's input.
    pub(super) det_size: u32,
    thresholds: [u32; 2],
}

/// Detections of one photo.
#[derive(Debug, Default)]
pub(super) struct Found(Vec<(Detecting, Vec<Detection>)>);

impl Detecting {
    /// `thresholds` are the detector's and that of the suppression.
    pub(super) fn new(det_size: u32, thresholds: [f32; 2]) -> Self {
        Self { det_size, thresholds: thresholds.map(f32::to_bits) }
    }

    pub(super) fn det_threshold(self) -> f32 {
        f32::from_bits(self.thresholds[0])
    }

    pub(super) fn nms_threshold(self) -> f32 {
        f32::from_bits(self.thresholds[1])
    }
}

impl Found {
    pub(super) fn get(&self, detecting: Detecting) -> Option<Vec<Detection>> {
        self.0.iter().find(|(of, _)| *of == detecting).map(|(_, detections)| detections.clone())
    }

    pub(super) fn put(&mut self, detecting: Detecting, detections: &[Detection]) {
        self.0.push((detecting, detections.to_vec()));
    }
}
