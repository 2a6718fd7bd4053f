//! Where the time goes: calls, inputs and time of every stage, counted while the worker works.
//!
//! A few atomic additions a photo, so it is always on; `bench` prints it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use facesets_core::wire::ModelRole;

/// What is done for a photo, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Encoded bytes to an upright photo.
    Decode,
    /// The digest of its pixels.
    PixelDigest,
    /// Pixels to the detector's input.
    Letterbox,
    /// The detector's network.
    Detect,
    /// The detector's outputs to boxes.
    Boxes,
    /// What is around the faces made RGB, where the photo is not.
    Colour,
    /// Faces to the recogniser's crops.
    Align,
    /// Sharpness of the faces.
    Blur,
    /// Faces to the landmark networks' crops.
    Crop,
    /// Crops to the inputs of all three networks.
    Inputs,
    /// The recogniser's network.
    Recognise,
    /// The 106-point network.
    Landmarks106,
    /// The 68-point network.
    Landmarks68,
    /// Pixels to the input of CLIP's visual tower.
    ClipCrop,
    /// CLIP's visual tower.
    ClipVisual,
    /// Faces to the crops and inputs of the network for gender and age.
    GenderAgeCrop,
    /// That network.
    GenderAge,
}

/// All stages; see [`Stage`].
pub const STAGES: [Stage; 17] = [
    Stage::Decode,
    Stage::PixelDigest,
    Stage::Letterbox,
    Stage::Detect,
    Stage::Boxes,
    Stage::Colour,
    Stage::Align,
    Stage::Blur,
    Stage::Crop,
    Stage::Inputs,
    Stage::Recognise,
    Stage::Landmarks106,
    Stage::Landmarks68,
    Stage::ClipCrop,
    Stage::ClipVisual,
    Stage::GenderAgeCrop,
    Stage::GenderAge,
];

/// Counters of every stage.
#[derive(Debug, Default)]
pub struct Meter([Counters; STAGES.len()]);

#[derive(Debug, Default)]
struct Counters {
    calls: AtomicU64,
    inputs: AtomicU64,
    nanoseconds: AtomicU64,
    largest: AtomicU64,
}

/// What was counted of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// How often it was done: runs of a network, calls of a function.
    pub calls: u64,
    /// Photos or faces that went through.
    pub inputs: u64,
    /// Time in it, over all threads.
    pub time: Duration,
    /// Most inputs of one call.
    pub largest: u64,
}

impl Stage {
    /// The stage in a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::PixelDigest => "pixel digest",
            Self::Letterbox => "letterbox",
            Self::Detect => "detect",
            Self::Boxes => "boxes",
            Self::Colour => "colour",
            Self::Align => "align",
            Self::Blur => "blur",
            Self::Crop => "crop",
            Self::Inputs => "inputs",
            Self::Recognise => "recognise",
            Self::Landmarks106 => "landmarks 106",
            Self::Landmarks68 => "landmarks 68",
            Self::ClipCrop => "clip crop",
            Self::ClipVisual => "clip",
            Self::GenderAgeCrop => "gender age crop",
            Self::GenderAge => "gender age",
        }
    }

    /// Whether a network is run.
    pub fn is_network(self) -> bool {
        matches!(
            self,
            Self::Detect
                | Self::Recognise
                | Self::Landmarks106
                | Self::Landmarks68
                | Self::ClipVisual
                | Self::GenderAge
        )
    }

    fn of(role: ModelRole) -> Self {
        match role {
            ModelRole::Detection => Self::Detect,
            ModelRole::Recognition => Self::Recognise,
            ModelRole::Landmarks106 => Self::Landmarks106,
            ModelRole::Landmarks68 => Self::Landmarks68,
            ModelRole::ClipVisual => Self::ClipVisual,
            ModelRole::GenderAge => Self::GenderAge,
        }
    }
}

impl Meter {
    /// Does `work` on so many photos or faces, and counts it.
    pub fn time<T>(&self, stage: Stage, inputs: usize, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let made = work();
        let time = started.elapsed();
        self.count(stage, inputs, time);
        // Within the span of the item.
        tracing::debug!(stage = stage.word(), inputs, us = time.as_micros() as u64, "a stage is done");
        made
    }

    /// Counts a run of the network in `role`.
    pub fn network(&self, role: ModelRole, inputs: usize, time: Duration) {
        self.count(Stage::of(role), inputs, time);
    }

    /// What was counted since the last [`Meter::reset`].
    pub fn tally(&self, stage: Stage) -> Tally {
        let counters = &self.0[stage as usize];
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Tally {
            calls: get(&counters.calls),
            inputs: get(&counters.inputs),
            time: Duration::from_nanos(get(&counters.nanoseconds)),
            largest: get(&counters.largest),
        }
    }

    /// Starts anew; to be called while nothing is in work.
    pub fn reset(&self) {
        for Counters { calls, inputs, nanoseconds, largest } in &self.0 {
            for counter in [calls, inputs, nanoseconds, largest] {
                counter.store(0, Ordering::Relaxed);
            }
        }
    }

    fn count(&self, stage: Stage, inputs: usize, time: Duration) {
        let counters = &self.0[stage as usize];
        counters.calls.fetch_add(1, Ordering::Relaxed);
        counters.inputs.fetch_add(inputs as u64, Ordering::Relaxed);
        counters.nanoseconds.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
        counters.largest.fetch_max(inputs as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_counted_for_itself() {
        let meter = Meter::default();
        for (index, stage) in STAGES.into_iter().enumerate() {
            assert_eq!(stage as usize, index, "the stages are listed in their order");
            meter.time(stage, index + 1, || ());
            meter.time(stage, 1, || ());
        }
        for (index, stage) in STAGES.into_iter().enumerate() {
            let tally = meter.tally(stage);
            assert_eq!((tally.calls, tally.inputs, tally.largest), (2, index as u64 + 2, index as u64 + 1));
        }
        meter.reset();
        assert_eq!(meter.tally(Stage::Decode).calls, 0);
    }
}
