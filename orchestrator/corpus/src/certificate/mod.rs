//! What the consumers of a bundle will make of it: read as they read it, and looked at as they look at it.
//!
//! roop-unleashed unzips a bundle flat, detects faces in every PNG again and averages the raw embeddings of
//! *all* that it finds. A second face poisons that average, a PNG without one is passed over in silence. So a
//! bundle is certified when every PNG shows exactly one face at each of [`DET_SIZES`]. [`consumer`] reads,
//! [`examine`] asks workers, [`crate::inspection`] does both with what is there already; what is in this file
//! is pure.

pub mod consumer;
pub mod examine;
pub mod gender_age;

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
};

use facesets_core::{FaceEmbedding, GenderAge, Sha256Digest, wire::AnalyzeFaces};
use ndarray::ArrayRef1;
use serde::{Deserialize, Serialize};

pub use examine::{Ask, ExamineError, Examiner};
pub use gender_age::{GenderAgeRecord, NotEstimated};

/// Sides of the detector's input that a crop is looked at with: the default of the consumers, and half of it,
/// at which faces that fill the frame are found and small ones are lost.
pub const DET_SIZES: [u32; 2] = [640, 320];

/// Least confidence of a detection, as the consumers have it.
pub const DET_THRESHOLD: f32 = AnalyzeFaces::DET_THRESHOLD;

/// What a detector and a recogniser make of a crop.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Faces found, one for each of [`DET_SIZES`].
    pub seen: Vec<Seen>,
    /// The recogniser's answer for each face found at the contract's detector size.
    pub embeddings: Vec<FaceEmbedding>,
    /// An estimate of gender and age for each of these faces, where it was asked for.
    pub gender_age: Vec<GenderAge>,
}

/// How many faces a detector finds in a crop that should show one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Side of the detector's input in pixels.
    pub det_size: u32,
    /// Faces found.
    pub faces: usize,
}

/// Looks at crops; the export asks for it by this, so that it needs no worker to be tested.
pub trait Examine: Sync {
    /// The contract of its embeddings, as text.
    fn contract(&self) -> String;

    /// The contract of its estimates of gender and age, as text, or why it makes none.
    fn gender_age(&self) -> Result<String, NotEstimated>;

    /// Looks at each of these PNGs once. An image that no worker can look at has a reason instead of a
    /// reading.
    fn examine(&self, crops: &BTreeMap<Sha256Digest, PathBuf>) -> Result<Readings, ExamineError>;
}

/// What was seen in crops, by the digest of their files.
pub type Readings = HashMap<Sha256Digest, Result<Reading, String>>;

/// Whether a set's crops were looked at; part of its manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Certificate {
    /// Every PNG of every bundle was found to show exactly one face at each detector size.
    Passed {
        /// Sides of the detector's input in pixels.
        det_sizes: Vec<u32>,
        /// Least confidence of a detection.
        det_threshold: f32,
    },
    /// Nobody looked.
    Skipped {
        /// Why not.
        reason: Skipped,
    },
}

/// Why nobody looked at crops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skipped {
    /// The user asked not to.
    NotWanted,
    /// No worker could be reached.
    NoWorker,
    /// The workers have other models than those of the set's embeddings.
    OtherModels,
    /// The set was made by a version that did not look, or did not with every command.
    #[serde(alias = "not_by_this_command")]
    EarlierVersion,
}

impl Default for Certificate {
    fn default() -> Self {
        Self::Skipped { reason: Skipped::EarlierVersion }
    }
}

impl Certificate {
    /// What is written down where every crop passed.
    pub fn passed() -> Self {
        Self::Passed { det_sizes: DET_SIZES.to_vec(), det_threshold: DET_THRESHOLD }
    }

    /// Whether it vouches for anything.
    pub fn is_passed(&self) -> bool {
        matches!(self, Self::Passed { .. })
    }
}

impl Reading {
    /// The first detector size at which there is not exactly one face.
    pub fn fault(&self) -> Option<Seen> {
        self.seen.iter().copied().find(|seen| seen.faces != 1)
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.faces {
            0 => write!(f, "no face at detector size {}", self.det_size),
            1 => write!(f, "1 face at detector size {}", self.det_size),
            faces => write!(f, "{faces} faces at detector size {}", self.det_size),
        }
    }
}

/// The identity that consumers average: the direction of the mean of the **raw** embeddings of every face
/// found, in which long vectors count for more; summed in f64 in the order given. `None` where nothing was
/// found or everything cancels out.
pub fn effective_identity<'a>(readings: impl IntoIterator<Item = &'a Reading>) -> Option<Vec<f32>> {
    let mut sum: Vec<f64> = Vec::new();
    for embedding in readings.into_iter().flat_map(|reading| &reading.embeddings) {
        let unit = embedding.unit.as_slice();
        sum.resize(unit.len(), 0.0);
        let norm = f64::from(embedding.norm);
        sum.iter_mut().zip(unit).for_each(|(total, value)| *total += norm * f64::from(*value));
    }
    let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt();
    (length > 1e-9).then(|| sum.iter().map(|value| (value / length) as f32).collect())
}

/// Cosine similarity of an effective identity to a set's centroid (both unit vectors), in steps of 0.0001:
/// below that devices differ.
pub fn cosine_to(centroid: &ArrayRef1<f32>, identity: &[f32]) -> f32 {
    let dot: f64 = centroid.iter().zip(identity).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    ((dot.clamp(-1.0, 1.0) * 1e4).round() / 1e4) as f32
}

#[cfg(test)]
mod tests {
    use facesets_core::EMBEDDING_LEN;
    use ndarray::Array1;

    use super::*;

    fn face(axis: usize, length: f32) -> FaceEmbedding {
        let mut raw = vec![0.0; EMBEDDING_LEN];
        raw[axis] = length;
        FaceEmbedding::from_raw(&raw).unwrap()
    }

    fn reading(seen: [usize; 2], embeddings: Vec<FaceEmbedding>) -> Reading {
        let seen = DET_SIZES.iter().zip(seen).map(|(size, faces)| Seen { det_size: *size, faces }).collect();
        Reading { seen, embeddings, gender_age: Vec::new() }
    }

    #[test]
    fn what_earlier_versions_wrote_of_sets_that_nobody_looked_at_is_read() {
        let text = r#"{"state": "skipped", "reason": "not_by_this_command"}"#;
        assert_eq!(serde_json::from_str::<Certificate>(text).unwrap(), Certificate::default());
    }

    #[test]
    fn one_face_at_every_size_is_no_fault_and_anything_else_is_named() {
        assert_eq!(reading([1, 1], vec![]).fault(), None);
        assert_eq!(reading([1, 2], vec![]).fault().unwrap().to_string(), "2 faces at detector size 320");
        assert_eq!(reading([0, 1], vec![]).fault().unwrap().to_string(), "no face at detector size 640");
    }

    #[test]
    fn long_embeddings_and_second_faces_pull_the_effective_identity() {
        let centroid = Array1::from_vec(face(0, 1.0).unit.as_slice().to_vec());
        let even = [reading([1, 1], vec![face(0, 5.0)]), reading([1, 1], vec![face(1, 5.0)])];
        let identity = effective_identity(&even).unwrap();
        assert!((cosine_to(&centroid, &identity) - std::f32::consts::FRAC_1_SQRT_2).abs() < 1e-4);
        let weighted = [reading([1, 1], vec![face(0, 30.0)]), reading([1, 1], vec![face(1, 10.0)])];
        let cosine = cosine_to(&centroid, &effective_identity(&weighted).unwrap());
        assert!((cosine - 3.0 / 10.0f32.sqrt()).abs() < 1e-4, "{cosine}");
        let poisoned = [reading([2, 1], vec![face(0, 30.0), face(1, 30.0)])];
        assert!(cosine_to(&centroid, &effective_identity(&poisoned).unwrap()) < 0.71);
        assert_eq!(effective_identity(&[reading([0, 0], vec![])]), None);
    }
}
