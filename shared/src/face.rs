//! What is measured about the faces of one image.

use crate::{
    BBox, CountContract, FaceContract, FaceEmbedding, GenderAgeContract, LandmarksContract, PixelDigest,
};

/// Left eye, right eye, nose tip, left and right mouth corner (as seen in the image), x and y in pixels.
pub type Keypoints = [[f32; 2]; 5];

/// Number of two-dimensional landmarks.
pub const LANDMARKS_106: usize = 106;

/// Number of three-dimensional landmarks.
pub const LANDMARKS_68: usize = 68;

/// One detection, in pixels of the upright image.
#[derive(Debug, Clone, PartialEq)]
pub struct Face {
    /// Box, not clamped to the image.
    pub bbox: BBox,
    /// Detector confidence in (0, 1].
    pub det_score: f32,
    /// The detector's five points.
    pub keypoints: Keypoints,
    /// The recogniser's answer.
    pub embedding: FaceEmbedding,
    /// [`LANDMARKS_106`] points x, y.
    pub landmarks_106: Vec<[f32; 2]>,
    /// [`LANDMARKS_68`] points x, y, z; z is relative, in the same scale.
    pub landmarks_68: Vec<[f32; 3]>,
    /// Variance of the 3×3 Laplacian of the box in grey at native resolution.
    pub blur: f32,
}

/// Every face of one image; none is a result too.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceAnalysis {
    /// Pack that was used.
    pub pack: String,
    /// What boxes, keypoints and embeddings are under.
    pub contract: FaceContract,
    /// What the landmarks are under.
    pub landmarks_contract: LandmarksContract,
    /// Width of the upright image in pixels.
    pub width: u32,
    /// Height of the upright image in pixels.
    pub height: u32,
    /// Highest confidence first.
    pub faces: Vec<Face>,
    /// Where they were asked for, an estimate for each of `faces`, in their order.
    pub gender_age: Option<Box<GenderAges>>,
    /// Of the photo's pixels; `None` where the worker is older than this.
    pub pixels: Option<PixelDigest>,
}

/// Estimates of gender and age for the faces of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct GenderAges {
    /// What they are under.
    pub contract: GenderAgeContract,
    /// One a face.
    pub faces: Vec<GenderAge>,
}

/// What a model gives for gender and age of one face, as it is: finite numbers of no particular range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GenderAge {
    /// For [`Gender::Female`].
    pub female: f32,
    /// For [`Gender::Male`].
    pub male: f32,
    /// In hundreds of years.
    pub age: f32,
}

/// As the model tells people apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gender {
    /// `InsightFace`'s 0.
    Female,
    /// `InsightFace`'s 1.
    Male,
}

impl GenderAge {
    /// Whichever has the larger number; the first of equal ones, as `InsightFace` decides it.
    pub fn gender(&self) -> Gender {
        if self.male > self.female { Gender::Male } else { Gender::Female }
    }

    /// Age in years, not rounded; below 0 for what looks younger than anybody the model has learnt from.
    pub fn years(&self) -> f32 {
        self.age * 100.0
    }
}

/// A face of which nothing but its place is known, in pixels of the upright image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectedFace {
    /// Box, not clamped to the image.
    pub bbox: BBox,
    /// Detector confidence in (0, 1].
    pub det_score: f32,
}

/// The faces that a detector finds at one of its sizes.
#[derive(Debug, Clone, PartialEq)]
pub struct Detections {
    /// What they are under.
    pub contract: CountContract,
    /// Highest confidence first.
    pub faces: Vec<DetectedFace>,
}

/// How many faces one image shows, at one or several detector sizes.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceCount {
    /// Pack that was used.
    pub pack: String,
    /// Width of the upright image in pixels.
    pub width: u32,
    /// Height of the upright image in pixels.
    pub height: u32,
    /// One for each size asked for, in the order asked.
    pub sizes: Vec<Detections>,
}
