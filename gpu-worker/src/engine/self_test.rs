//! Whether an engine computes: known inputs must give known outputs, alone and in company, before anything is
//! served.
//!
//! There are stacks that return garbage without an error. So every model runs on a picture that is made here,
//! and its outputs are compared with golden numbers that are compiled in (the open pack) or with those of the
//! host's processor (any other).

use std::collections::BTreeMap;

use facesets_core::{
    contract::DEFAULT_DET_SIZE,
    wire::{ModelRole, PackInfo},
};
use facesets_imaging::{Rgb, RgbImage};
use serde::{Deserialize, Serialize};

use super::{Engine, EngineError, RoleWord as _, Tensor};
use crate::vision::{CLIP_SIDE, GENDER_AGE_SIDE, Normalisation, append_clip, append_nchw};

/// Relative L2 distance between what an output is and what it should be. Other kernels in 32 bits differ by
/// 1e-4 and in 16 bits by a few 1e-3; a cosine of 0.9998 is where the embeddings' own noise floor lies.
const MAX_DISTANCE: f64 = 0.02;

/// The same for one row alone and the same row within a batch.
const MAX_NEIGHBOUR_DISTANCE: f64 = 0.004;

/// Values of an output that are compared.
const SAMPLES: usize = 64;

/// Golden numbers by the SHA-256 of the model; written by `examples/self_test_golden.rs`.
const GOLDEN: &str = include_str!("../../../tests/fixtures/golden/self-test.json");

/// What a model's outputs must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Number of values.
    pub len: usize,
    /// Square root of the sum of their squares.
    pub norm: f64,
    /// Values at equal distances, first included.
    pub samples: Vec<f32>,
}

/// What the outputs of every model of a pack must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference(Vec<(ModelRole, Vec<Fingerprint>)>);

/// An engine that must not serve.
#[derive(Debug, thiserror::Error)]
pub enum SelfTestError {
    /// It does not run at all.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// It gives what is no number.
    #[error("the self-test failed: the {} model gives values that are not finite", .0.word())]
    NotFinite(ModelRole),
    /// It gives outputs of other sizes.
    #[error("the self-test failed: the {} model gives outputs of other sizes than it should", .0.word())]
    Sizes(ModelRole),
    /// It gives other numbers.
    #[error("the self-test failed: the {} model's numbers are off by {distance:.3} of their size", .role.word())]
    Different {
        /// Which model.
        role: ModelRole,
        /// Relative distance.
        distance: f64,
    },
    /// It gives other numbers for an input that has neighbours.
    #[error("the self-test failed: in a batch the {} model's numbers are off by {distance:.3} of their size", .role.word())]
    Neighbours {
        /// Which model.
        role: ModelRole,
        /// Relative distance.
        distance: f64,
    },
}

impl Reference {
    /// The golden numbers of a pack's models in `roles`, if they are known for all of them.
    ///
    /// # Panics
    /// Never: the numbers are compiled in, and a test reads them.
    pub fn golden(pack: &PackInfo, roles: &[ModelRole]) -> Option<Self> {
        let golden: BTreeMap<String, Vec<Fingerprint>> =
            serde_json::from_str(GOLDEN).expect("the golden numbers are compiled in; a test reads them");
        let of = |role: &ModelRole| Some((*role, golden.get(&pack.sha256(*role)?.to_string())?.clone()));
        roles.iter().map(of).collect::<Option<_>>().map(Self)
    }

    /// What `engine` gives in `roles`, in order to compare others with it. An engine that contradicts itself
    /// is no reference.
    pub fn measure(
        engine: &mut impl Engine,
        roles: &[ModelRole],
        normalisation: impl Fn(ModelRole) -> Normalisation,
    ) -> Result<Self, SelfTestError> {
        let roles = roles.iter().map(|role| {
            let outputs = probe(engine, *role, normalisation(*role))?;
            Ok((*role, outputs.iter().map(Fingerprint::of).collect()))
        });
        roles.collect::<Result<_, SelfTestError>>().map(Self)
    }

    /// Whether `engine` gives these numbers.
    pub fn compare(
        &self,
        engine: &mut impl Engine,
        normalisation: impl Fn(ModelRole) -> Normalisation,
    ) -> Result<(), SelfTestError> {
        for (role, expected) in &self.0 {
            let found = probe(engine, *role, normalisation(*role))?;
            if found.len() != expected.len() {
                return Err(SelfTestError::Sizes(*role));
            }
            for (found, expected) in found.iter().map(Fingerprint::of).zip(expected) {
                if found.len != expected.len || found.samples.len() != expected.samples.len() {
                    return Err(SelfTestError::Sizes(*role));
                }
                let samples = distance(&found.samples, &expected.samples);
                let norms = (found.norm - expected.norm).abs() / expected.norm.max(f64::MIN_POSITIVE);
                let distance = samples.max(norms);
                if distance.is_nan() || distance > MAX_DISTANCE {
                    return Err(SelfTestError::Different { role: *role, distance });
                }
            }
        }
        Ok(())
    }

    /// The numbers by role, in order to write them down.
    pub fn fingerprints(&self) -> &[(ModelRole, Vec<Fingerprint>)] {
        &self.0
    }
}

impl Fingerprint {
    fn of(output: &Tensor) -> Self {
        let len = output.values.len();
        let count = len.min(SAMPLES);
        let norm = output.values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        Self { len, norm, samples: (0..count).map(|i| output.values[i * len / count]).collect() }
    }
}

/// The outputs for the picture alone, having seen that they are numbers and the same between two neighbours.
fn probe(
    engine: &mut impl Engine,
    role: ModelRole,
    normalisation: Normalisation,
) -> Result<Vec<Tensor>, SelfTestError> {
    let [batch, _, height, _] = engine.input_shape(role);
    let side = match role {
        ModelRole::Detection => DEFAULT_DET_SIZE as usize,
        ModelRole::Recognition => height.unwrap_or(112),
        ModelRole::Landmarks106 | ModelRole::Landmarks68 => height.unwrap_or(192),
        ModelRole::ClipVisual => CLIP_SIDE as usize,
        ModelRole::GenderAge => GENDER_AGE_SIDE as usize,
    };
    let row = |turned: bool| {
        let (mut values, picture) = (Vec::new(), picture(side as u32, turned));
        match role {
            ModelRole::ClipVisual => append_clip(&mut values, &picture),
            _ => append_nchw(&mut values, &picture, normalisation),
        }
        values
    };
    let (face, neighbour) = (row(false), row(true));
    // A model with a batch of its own gets copies; what it gives for each is in its numbers.
    let len = batch.unwrap_or(1);
    let alone = engine.run(role, [len, 3, side, side], &face.repeat(len))?;
    if alone.is_empty() || alone.iter().any(|output| !output.values.iter().all(|v| v.is_finite())) {
        return Err(SelfTestError::NotFinite(role));
    }
    if batch.is_none() {
        let rows = [&neighbour[..], &face, &neighbour].concat();
        let together = engine.run(role, [3, 3, side, side], &rows)?;
        for (alone, together) in alone.iter().zip(&together) {
            let row_len = alone.values.len();
            let Some(middle) = together.values.get(row_len..2 * row_len) else {
                return Err(SelfTestError::Sizes(role));
            };
            let distance = distance(middle, &alone.values);
            if distance.is_nan() || distance > MAX_NEIGHBOUR_DISTANCE {
                return Err(SelfTestError::Neighbours { role, distance });
            }
        }
    }
    Ok(alone)
}

/// The length of the difference relative to the length of `expected`.
fn distance(found: &[f32], expected: &[f32]) -> f64 {
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let difference = length(&mut found.iter().zip(expected).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    difference / length(&mut expected.iter().map(|v| f64::from(*v))).max(f64::MIN_POSITIVE)
}

/// Something like a face in integer arithmetic, so that it is the same everywhere: skin, eyes and a mouth
/// before a gradient.
pub(crate) fn picture(side: u32, turned: bool) -> RgbImage {
    RgbImage::from_fn(side, side, |x, y| {
        let (x, y) = if turned { (y, side - 1 - x) } else { (x, y) };
        // In thousandths of the side.
        let (x, y) = (i64::from(x) * 1000 / i64::from(side), i64::from(y) * 1000 / i64::from(side));
        let inside = |cx: i64, cy: i64, rx: i64, ry: i64| {
            (x - cx).pow(2) * ry.pow(2) + (y - cy).pow(2) * rx.pow(2) <= rx.pow(2) * ry.pow(2)
        };
        if inside(345, 460, 60, 35) || inside(655, 460, 60, 35) {
            Rgb([40, 30, 30])
        } else if inside(500, 820, 140, 40) {
            Rgb([150, 60, 70])
        } else if inside(500, 640, 45, 90) {
            Rgb([190, 150, 130])
        } else if inside(500, 560, 330, 420) {
            Rgb([215 - (x / 20) as u8, 175 - (y / 25) as u8, 150])
        } else {
            Rgb([(x / 5) as u8, (y / 5) as u8, ((x + y) / 10) as u8])
        }
    })
}

#[cfg(test)]
#[path = "self_test_tests.rs"]
mod tests;
