//! Contracts: what makes two results comparable. Vectors of different contracts are never compared.

use std::{fmt, str::FromStr};

use crate::Sha256Digest;

/// Version of the arithmetic between the encoded image and the networks' inputs (decode, resize, align,
/// normalise).
///
/// Raise it with every change that moves an embedding by more than floating-point noise.
pub const PREPROCESSING_VERSION: u32 = 1;

/// Version of the arithmetic between the encoded image and the input of CLIP's visual tower, as
/// [`PREPROCESSING_VERSION`] for faces.
pub const CLIP_PREPROCESSING_VERSION: u32 = 1;

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

/// What estimates of gender and age are under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GenderAgeContract {
    /// Detector file, whose boxes were cropped.
    pub detector: Sha256Digest,
    /// Model file.
    pub gender_age: Sha256Digest,
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

/// What a CLIP image embedding is under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClipContract {
    /// Visual tower's file.
    pub visual: Sha256Digest,
    /// See [`CLIP_PREPROCESSING_VERSION`].
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
impl fmt::Display for GenderAgeContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { detector, gender_age, det_size, preprocessing } = self;
        write!(f, "gender-age/v{preprocessing}/det={detector}/model={gender_age}/size={det_size}")
    }
}

/// As for [`FaceContract`].
impl fmt::Display for CountContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { detector, det_size, preprocessing } = self;
        write!(f, "count/v{preprocessing}/det={detector}/size={det_size}")
    }
}

/// As for [`FaceContract`].
impl fmt::Display for ClipContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { visual, preprocessing } = self;
        write!(f, "clip/v{preprocessing}/visual={visual}")
    }
}

/// Text that no contract displays as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a contract")]
pub struct InvalidContract(String);

impl FromStr for FaceContract {
    type Err = InvalidContract;

    fn from_str(text: &str) -> Result<Self, InvalidContract> {
        let read = || {
            let mut parts = Parts(text.strip_prefix("face/")?.split('/'));
            let preprocessing = parts.number("v")?;
            let (detector, recogniser) = (parts.digest("det=")?, parts.digest("rec=")?);
            let det_size = parts.number("size=")?;
            Some(Self { detector, recogniser, det_size, preprocessing })
        };
        // Only what displays as the very same text is that contract.
        read().filter(|read| read.to_string() == text).ok_or_else(|| InvalidContract(text.to_owned()))
    }
}

impl FromStr for LandmarksContract {
    type Err = InvalidContract;

    fn from_str(text: &str) -> Result<Self, InvalidContract> {
        let read = || {
            let mut parts = Parts(text.strip_prefix("landmarks/")?.split('/'));
            let preprocessing = parts.number("v")?;
            let detector = parts.digest("det=")?;
            let (landmarks_106, landmarks_68) = (parts.digest("l106=")?, parts.digest("l68=")?);
            let det_size = parts.number("size=")?;
            Some(Self { detector, landmarks_106, landmarks_68, det_size, preprocessing })
        };
        read().filter(|read| read.to_string() == text).ok_or_else(|| InvalidContract(text.to_owned()))
    }
}

impl FromStr for ClipContract {
    type Err = InvalidContract;

    fn from_str(text: &str) -> Result<Self, InvalidContract> {
        let read = || {
            let mut parts = Parts(text.strip_prefix("clip/")?.split('/'));
            let preprocessing = parts.number("v")?;
            Some(Self { visual: parts.digest("visual=")?, preprocessing })
        };
        read().filter(|read| read.to_string() == text).ok_or_else(|| InvalidContract(text.to_owned()))
    }
}

/// What is left of a contract's text.
struct Parts<'a>(std::str::Split<'a, char>);

impl Parts<'_> {
    fn digest(&mut self, name: &str) -> Option<Sha256Digest> {
        self.0.next()?.strip_prefix(name)?.parse().ok()
    }

    fn number(&mut self, name: &str) -> Option<u32> {
        self.0.next()?.strip_prefix(name)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contracts_read_back_what_they_display_and_nothing_else() {
        let [a, b, c] = [b"a", b"b", b"c"].map(|bytes| Sha256Digest::of(bytes));
        let face = FaceContract { detector: a, recogniser: b, det_size: 640, preprocessing: 1 };
        assert_eq!(face.to_string().parse(), Ok(face));
        let landmarks = LandmarksContract {
            detector: a,
            landmarks_106: b,
            landmarks_68: c,
            det_size: 640,
            preprocessing: 1,
        };
        assert_eq!(landmarks.to_string().parse(), Ok(landmarks));
        let clip = ClipContract { visual: c, preprocessing: 1 };
        assert_eq!(clip.to_string().parse(), Ok(clip));
        assert!(face.to_string().parse::<ClipContract>().is_err());
        for text in [
            String::new(),
            format!("{face}/x"),
            landmarks.to_string(),
            format!("{face}").replace("v1", "v01"),
        ] {
            assert_eq!(text.parse::<FaceContract>(), Err(InvalidContract(text)));
        }
    }
}
