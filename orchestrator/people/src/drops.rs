//! Why a face is not in a set.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A face that was left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Drop {
    /// Row of the gallery.
    pub face: usize,
    /// Why.
    pub reason: DropReason,
}

/// The rule that a face did not satisfy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Box too small.
    ShortSide,
    /// Too blurred.
    Blur,
    /// Detector not confident enough.
    DetScore,
    /// It lies on its side or stands on its head.
    OnItsSide,
    /// Too far from the set's centroid.
    Outlier,
    /// Its set has too few photos.
    TooFewImages,
    /// The set has a better face of the same photo.
    SamePhoto,
    /// Another face would be in the crop.
    OtherFaceInCrop,
    /// The user says that it is no face.
    Pinned,
    /// The user says that it is not the person of its set.
    Apart,
    /// A decision has dropped it for good.
    Decided,
    /// It was dropped here, and is in use in another set.
    Elsewhere,
    /// Detectors do not find exactly one face in its crop.
    NotOneFace,
    /// The face that is found in its crop is not like the set's.
    UnlikeInCrop,
    /// A better crop of the set shows the same picture.
    VisualDuplicate,
    /// Its crop could not be made or looked at.
    NoCrop,
}

/// A rule with the figures that decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "gate", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the figure and its bound; the variants are documented at `Gate`")]
pub enum DropReason {
    /// See [`Gate::ShortSide`].
    ShortSide { pixels: f32, min: f32 },
    /// See [`Gate::Blur`].
    Blur { blur: f32, min: f32 },
    /// See [`Gate::DetScore`].
    DetScore { det_score: f32, min: f32 },
    /// See [`Gate::OnItsSide`]; degrees with the clock, in (−180, 180].
    OnItsSide { degrees: f32, max: f32 },
    /// See [`Gate::Outlier`].
    Outlier { distance: f32, max: f32 },
    /// See [`Gate::TooFewImages`].
    TooFewImages { images: usize, min: usize },
    /// See [`Gate::SamePhoto`].
    SamePhoto { kept_number: u32 },
    /// See [`Gate::OtherFaceInCrop`].
    OtherFaceInCrop { min_pad_ratio: f32 },
    /// See [`Gate::Pinned`].
    Pinned { pin: i64 },
    /// See [`Gate::Apart`].
    Apart { pin: i64 },
    /// See [`Gate::Decided`].
    Decided { decision: i64 },
    /// See [`Gate::Elsewhere`].
    Elsewhere {},
    /// See [`Gate::UnlikeInCrop`].
    UnlikeInCrop { distance: f32, max: f32, paddings: usize },
    /// See [`Gate::NotOneFace`].
    NotOneFace { det_size: u32, faces: usize, paddings: usize },
    /// See [`Gate::VisualDuplicate`]; canonical path and digest (in hexadecimal) of the photo whose face is
    /// kept.
    VisualDuplicate {
        path: String,
        sha256: String,
        similarity: f32,
        min: f32,
        different_bits: u32,
        max_different_bits: u32,
    },
    /// See [`Gate::NoCrop`].
    NoCrop { why: String },
}

impl DropReason {
    /// The rule, without the figures.
    pub fn gate(&self) -> Gate {
        match self {
            Self::ShortSide { .. } => Gate::ShortSide,
            Self::Blur { .. } => Gate::Blur,
            Self::DetScore { .. } => Gate::DetScore,
            Self::OnItsSide { .. } => Gate::OnItsSide,
            Self::Outlier { .. } => Gate::Outlier,
            Self::TooFewImages { .. } => Gate::TooFewImages,
            Self::SamePhoto { .. } => Gate::SamePhoto,
            Self::OtherFaceInCrop { .. } => Gate::OtherFaceInCrop,
            Self::Pinned { .. } => Gate::Pinned,
            Self::Apart { .. } => Gate::Apart,
            Self::Decided { .. } => Gate::Decided,
            Self::Elsewhere {} => Gate::Elsewhere,
            Self::NotOneFace { .. } => Gate::NotOneFace,
            Self::UnlikeInCrop { .. } => Gate::UnlikeInCrop,
            Self::VisualDuplicate { .. } => Gate::VisualDuplicate,
            Self::NoCrop { .. } => Gate::NoCrop,
        }
    }

    /// Whether the face may well be somebody else's, or nobody's.
    pub fn speaks_against_person(&self) -> bool {
        match self {
            Self::Outlier { .. }
            | Self::Pinned { .. }
            | Self::Apart { .. }
            | Self::Decided { .. }
            | Self::Elsewhere {}
            | Self::UnlikeInCrop { .. } => true,
            Self::ShortSide { .. }
            | Self::Blur { .. }
            | Self::DetScore { .. }
            | Self::OnItsSide { .. }
            | Self::TooFewImages { .. }
            | Self::SamePhoto { .. }
            | Self::OtherFaceInCrop { .. }
            | Self::NotOneFace { .. }
            | Self::VisualDuplicate { .. }
            | Self::NoCrop { .. } => false,
        }
    }

    /// Whether it was seen in the crop, and not before that was cut.
    pub fn is_of_crop(&self) -> bool {
        matches!(self, Self::NotOneFace { .. } | Self::UnlikeInCrop { .. } | Self::VisualDuplicate { .. })
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ShortSide => "face too small",
            Self::Blur => "too blurred",
            Self::DetScore => "detector not confident",
            Self::OnItsSide => "face on its side or head",
            Self::Outlier => "too far from the centroid",
            Self::TooFewImages => "too few photos in its set",
            Self::SamePhoto => "a better face of the same photo is kept",
            Self::OtherFaceInCrop => "another face in the crop",
            Self::Pinned => "no face, as you said",
            Self::Apart => "somebody else, as you said",
            Self::Decided => "dropped for good",
            Self::Elsewhere => "dropped here, in use in another set",
            Self::UnlikeInCrop => "unlike its set when found again in the crop",
            Self::NotOneFace => "not exactly one face in the crop",
            Self::VisualDuplicate => "a better crop shows the same picture",
            Self::NoCrop => "no crop could be made or looked at",
        })
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortSide { pixels, min } => write!(f, "short side {pixels:.1} px < {min} px"),
            Self::Blur { blur, min } => write!(f, "blur {blur:.1} < {min}"),
            Self::DetScore { det_score, min } => write!(f, "det_score {det_score:.3} < {min}"),
            Self::OnItsSide { degrees, max } => {
                write!(f, "face on its side: eyes at {degrees:.0}°, more than {max}°")
            }
            Self::Outlier { distance, max } => {
                write!(f, "cosine distance {distance:.3} to the centroid > {max}")
            }
            Self::TooFewImages { images, min } => write!(f, "its set has {images} photos < {min}"),
            Self::SamePhoto { kept_number } => write!(f, "face {kept_number} of the same photo is better"),
            Self::OtherFaceInCrop { min_pad_ratio } => {
                write!(f, "another face is in the crop even at padding {min_pad_ratio}")
            }
            Self::UnlikeInCrop { distance, max, paddings } => write!(
                f,
                "the face in its crop is at cosine distance {distance:.3} to the centroid > {max}, after {paddings} paddings were tried"
            ),
            Self::NotOneFace { det_size, faces, paddings } => write!(
                f,
                "the detector finds {faces} faces in its crop at size {det_size}, after {paddings} paddings were tried"
            ),
            Self::VisualDuplicate { path, similarity, min, different_bits, max_different_bits, .. } => {
                write!(
                    f,
                    "shows the same as {path}: cosine similarity {similarity:.3} ≥ {min}, {different_bits} of 64 bits of the hash differ ≤ {max_different_bits}"
                )
            }
            Self::NoCrop { why } => write!(f, "no crop: {why}"),
            Self::Pinned { pin } => write!(f, "pin {pin} says that it is no face"),
            Self::Apart { pin } => write!(f, "pin {pin} says that it is not the person of this set"),
            Self::Decided { decision } => write!(f, "decision {decision} has dropped it for good"),
            Self::Elsewhere {} => write!(f, "dropped here, in use in another set"),
        }
    }
}
