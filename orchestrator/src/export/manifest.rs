//! The manifests of an exported corpus: one a faceset, one over all.
//!
//! Nothing in them depends on when or on how many threads they were made.

use facesets_core::Pose;
use serde::Serialize;

use super::plan::{ExportParameters, PlannedFace};
use crate::{
    gallery::Gallery,
    manifest::{DroppedFace, path_text},
    quality::QualityTerms,
};

/// Schema of [`FacesetManifest`].
pub const FACESET_SCHEMA: &str = "facesets.faceset/1";

/// Schema of [`CorpusManifest`].
pub const CORPUS_SCHEMA: &str = "facesets.corpus/1";

/// `faceset_NNN/manifest.json`.
#[derive(Debug, Clone, Serialize)]
pub struct FacesetManifest {
    /// [`FACESET_SCHEMA`].
    pub schema: &'static str,
    /// `faceset_NNN`.
    pub name: String,
    /// Name given by people; none yet for what clustering found.
    pub label: Option<String>,
    /// How the identity came about.
    pub origin: &'static str,
    /// Contract of the embeddings.
    pub contract: String,
    /// What the export was made with.
    pub parameters: ExportParameters,
    /// Best first.
    pub faces: Vec<ExportedFace>,
    /// Faces of the refined set that are not exported.
    pub dropped: Vec<DroppedFace>,
}

/// One crop.
#[derive(Debug, Clone, Serialize)]
pub struct ExportedFace {
    /// `faces/NNNN.png`.
    pub file: String,
    /// Canonical path of the photo.
    pub source: String,
    /// Other places of the same photo.
    pub aliases: Vec<String>,
    /// Digest of the photo, in hexadecimal.
    pub sha256: String,
    /// x1, y1, x2, y2 in pixels of the upright photo.
    pub bbox: [f32; 4],
    /// Padding of this crop; less than asked for where another face was near.
    pub pad_ratio: f32,
    /// How good it is.
    pub quality: Quality,
    /// Head rotation in degrees, where the landmarks give one.
    pub pose: Option<PoseRecord>,
}

/// Terms and their weighted sum.
#[derive(Debug, Clone, Serialize)]
pub struct Quality {
    /// The five terms.
    pub terms: QualityTerms,
    /// Their weighted sum; what crops are ranked by.
    pub composite: f32,
}

/// A [`Pose`] for manifests, in degrees.
#[derive(Debug, Clone, Copy, Serialize)]
#[expect(missing_docs, reason = "documented at `Pose`")]
pub struct PoseRecord {
    pub pitch: f32,
    pub yaw: f32,
    pub roll: f32,
}

/// `manifest.json` over all facesets.
#[derive(Debug, Clone, Serialize)]
pub struct CorpusManifest {
    /// [`CORPUS_SCHEMA`].
    pub schema: &'static str,
    /// Program and version that made it.
    pub made_by: String,
    /// Contract of the embeddings.
    pub contract: String,
    /// What the export was made with.
    pub parameters: ExportParameters,
    /// Exported sets by number.
    pub facesets: Vec<FacesetSummary>,
    /// Refined sets of which nothing was left, by number.
    pub gaps: Vec<Gap>,
}

/// A faceset in the list of all.
#[derive(Debug, Clone, Serialize)]
pub struct FacesetSummary {
    /// `faceset_NNN`.
    pub name: String,
    /// Number of crops.
    pub images: usize,
    /// Number of faces of the refined set that are not exported.
    pub dropped: usize,
    /// Files of the bundles, relative to the corpus.
    pub bundles: Vec<String>,
}

/// A set that is not there, and why.
#[derive(Debug, Clone, Serialize)]
pub struct Gap {
    /// `faceset_NNN`.
    pub name: String,
    /// Every face and the rule it failed.
    pub dropped: Vec<DroppedFace>,
}

impl ExportedFace {
    /// The record of a planned face that was written to `file`.
    pub fn new(gallery: &Gallery, planned: &PlannedFace, file: String) -> Self {
        let (record, content) = (&gallery.faces[planned.face], gallery.content_of(planned.face));
        Self {
            file,
            source: path_text(content.canonical_path()),
            aliases: content.aliases().iter().map(|path| path_text(path)).collect(),
            sha256: content.sha256.to_string(),
            bbox: record.bbox.corners(),
            pad_ratio: planned.pad_ratio,
            quality: Quality { terms: planned.quality, composite: planned.quality.composite() },
            pose: record.pose.map(Into::into),
        }
    }
}

impl From<Pose> for PoseRecord {
    fn from(Pose { pitch, yaw, roll }: Pose) -> Self {
        Self { pitch, yaw, roll }
    }
}
