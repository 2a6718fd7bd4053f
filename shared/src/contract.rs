//! Contracts: what makes two results comparable. Vectors of different contracts are never compared.

use std::fmt;

use crate::Sha256Digest;

/// Version of the arithmetic between the encoded image and the networks' inputs (decode, resize, align, normalise).
///
/// Raise it with every change that moves an embedding by more than floating-point noise.
pub const PREPROCESSING_VERSION: u32 = 1;

/// Side of the detector's square input in pixels, unless asked otherwise (`InsightFace` before 1.0).
pub const DEFAULT_DET_SIZE: u32 = 640;

/// Smallest step of the detector's input: its coarsest stride.
pub const DET_SIZE_STEP: u32 = 32;

/// What boxes, keypoints and face embeddings are under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaceContract {
    /// Detector file.
    pub detector: Sha256Digest,
    /// Recogniser file.
    pub recogniser: Sha256Digest,
    /// Side of the detector's square input in pixels.
    pub det_size: u32,
    /// See [`PREPROCESSING_VERSION`].
    pub preprocessing: u32,
}

/// What the 106 and 68 landmarks are under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LandmarksContract {
    /// Detector file, whose boxes were cropped.
    pub detector: Sha256Digest,
    /// 106-point model file.
    pub landmarks_106: Sha256Digest,
    /// 68-point model file.
    pub landmarks_68: Sha256Digest,
    /// Side of the detector's square input in pixels.
    pub det_size: u32,
    /// See [`PREPROCESSING_VERSION`].
    pub preprocessing: u32,
}

/// What a count of faces is under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountContract {
    /// Detector file.
    pub detector: Sha256Digest,
    /// Side of the detector's square input in pixels.
    pub det_size: u32,
    /// See [`PREPROCESSING_VERSION`].
    pub preprocessing: u32,
}

/// The contract as one line of text, the key under which results are stored: every field, digests in full.
impl fmt::Display for FaceContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { detector, recogniser, det_size, preprocessing } = self;
        write!(f, "face/v{preprocessing}/det={detector}/rec={recogniser}/size={det_size}")
    }
}

/// As for [`FaceContract`].
impl fmt::Display for LandmarksContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { detector, landmarks_106, landmarks_68, det_size, preprocessing } = self;
        write!(
            f,
            "landmarks/v{preprocessing}/det={detector}/l106={landmarks_106}/l68={landmarks_68}/size={det_size}"
        )
    }
}

/// As for [`FaceContract`].
impl fmt::Display for CountContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { detector, det_size, preprocessing } = self;
        write!(f, "count/v{preprocessing}/det={detector}/size={det_size}")
    }
}
