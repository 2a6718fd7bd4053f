//! The manifests of an exported corpus: one a faceset, one over all.
//!
//! Nothing in them depends on when or on how many threads they were made.

use std::fmt;

use facesets_base::{
    layout::{CORPUS_SCHEMA, FACESET_SCHEMA, MASKED, MERGED, THIN, UNMATCHED},
    location::Location,
};
use facesets_core::{Pose, Sha256Digest};
use facesets_people::{
    consent::{SetConsent, Terms, Withheld},
    gallery::{Gallery, GalleryFace},
    quality::QualityTerms,
};
use serde::{Deserialize, Serialize};

use super::{
    era::Era,
    formats::kind::Format,
    origin::Origin,
    plan::{ExportParameters, PlannedFace},
};
use crate::{
    certificate::{Certificate, GenderAgeRecord},
    manifest::{DroppedFace, NameError, Schema, check_name, check_path, check_sets, made_by},
};

/// `faceset_NNN/manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FacesetManifest {
    /// [`FACESET_SCHEMA`].
    pub schema: String,
    /// `faceset_NNN`.
    pub name: String,
    /// Name given by people.
    pub label: Option<String>,
    /// Name of a text file in it that says where it came from.
    #[serde(default)]
    pub marker: Option<String>,
    /// The set that it is an era of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Which era of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub era: Option<Era>,
    /// How the identity came about, and in which of the corpus' runs.
    pub origin: Origin,
    /// Contract of the embeddings.
    pub contract: String,
    /// What the export was made with.
    pub parameters: ExportParameters,
    /// Whether its crops were looked at as consumers look at them.
    #[serde(default)]
    pub certificate: Certificate,
    /// Whether its person agreed, as far as was known when it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<SetConsent>,
    /// Where its photos come from, where anybody has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Terms>,
    /// What its crops are packed into.
    #[serde(default)]
    pub bundles: Vec<BundleRecord>,
    /// Files for other tools.
    #[serde(default)]
    pub formats: Vec<FormatRecord>,
    /// Gender and age, where one of these files tells them; `None` in sets of earlier versions, whose files
    /// say that they are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender_age: Option<GenderAgeRecord>,
    /// Best first.
    pub faces: Vec<ExportedFace>,
    /// Faces of the refined set that are not exported.
    pub dropped: Vec<DroppedFace>,
    /// What lay in the set when it was taken over and fits no face of the library; its crops are in
    /// `faces/_unmatched`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmatched: Vec<Unmatched>,
    /// Other files and folders that lay in the set when it was taken over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
}

/// An entry or a crop of a set that was taken over, which is no crop of a face of the library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unmatched {
    /// Name of the crop, if there is one.
    pub file: Option<String>,
    /// Path of the photo, where an entry says it.
    pub source: Option<String>,
    /// x1, y1, x2, y2 as the entry has them.
    pub bbox: Option<[f32; 4]>,
    /// What is the matter.
    pub why: Mismatch,
}

/// Why an entry and a face of the library do not come together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mismatch {
    /// The library knows no photo of that path or digest under the contract.
    UnknownPhoto,
    /// No face of the photo overlaps the box by half.
    NoFaceThere,
    /// An entry before it means the same face: this crop shows it.
    SameFaceAs(String),
    /// The crop is not there.
    NoCrop,
    /// The crop has so many pixels, others than those of its set.
    OtherSize(u32, u32),
    /// No worker can look at the crop.
    Unreadable,
    /// No entry names the crop.
    NoEntry,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownPhoto => write!(f, "its photo is not in the library"),
            Self::NoFaceThere => write!(f, "no face of its photo is in its box"),
            Self::SameFaceAs(file) => write!(f, "its face is that of {file}"),
            Self::NoCrop => write!(f, "its crop is not there"),
            Self::OtherSize(0, 0) => write!(f, "its crop is no image"),
            Self::OtherSize(width, height) => write!(f, "its crop has {width} × {height} pixels"),
            Self::Unreadable => write!(f, "no worker can look at its crop"),
            Self::NoEntry => write!(f, "no entry of the manifest names it"),
        }
    }
}

/// One bundle of a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BundleRecord {
    /// Its name in the set's folder.
    pub file: String,
    /// Digest of its bytes, in hexadecimal.
    pub sha256: String,
    /// Files of the crops in it, in its order; there they are called `0001.png`, `0002.png`, …
    pub crops: Vec<String>,
    /// Cosine similarity of the identity that consumers average from it (the mean of raw embeddings of the
    /// crops) to the centroid of the set's faces in their photos; `None` where nobody looked at the crops.
    pub effective_identity_cosine: Option<f32>,
}

/// A set in the format of another tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatRecord {
    /// Which.
    pub format: Format,
    /// Its name in the set's folder.
    pub file: String,
    /// Digest of its bytes, in hexadecimal.
    pub sha256: String,
}

/// One crop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportedFace {
    /// `faces/NNNN.png`.
    pub file: String,
    /// Digest of that file, in hexadecimal; `None` in sets of earlier versions.
    #[serde(default)]
    pub png_sha256: Option<String>,
    /// Canonical path of the photo.
    pub source: String,
    /// Other places of the same photo.
    pub aliases: Vec<String>,
    /// Digest of the photo, in hexadecimal.
    pub sha256: String,
    /// x1, y1, x2, y2 in pixels of the upright photo.
    pub bbox: [f32; 4],
    /// Padding of this crop; less than asked for where another face was near, more where no face was found in
    /// it otherwise.
    pub pad_ratio: f32,
    /// How good it is.
    pub quality: Quality,
    /// Head rotation in degrees, where the points give one.
    pub pose: Option<PoseRecord>,
    /// Year in which the photo was taken, by the camera's clock; `None` where that is not known, and in sets
    /// of earlier versions.
    #[serde(default)]
    pub capture_year: Option<u16>,
}

/// Terms and their weighted sum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// The five terms.
    pub terms: QualityTerms,
    /// Their weighted sum; what crops are ranked by.
    pub composite: f32,
}

/// A [`Pose`] for manifests, in degrees. Of a face that lies only `roll` is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented at `Pose`")]
pub struct PoseRecord {
    pub pitch: Option<f32>,
    pub yaw: Option<f32>,
    pub roll: f32,
}

impl PoseRecord {
    /// What is known of a face.
    pub fn of(face: &GalleryFace) -> Option<Self> {
        let of_points = || face.roll.map(|roll| Self { pitch: None, yaw: None, roll });
        let whole = |Pose { pitch, yaw, roll }| Self { pitch: Some(pitch), yaw: Some(yaw), roll };
        face.pose.map(whole).or_else(of_points)
    }
}

/// `manifest.json` over all facesets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CorpusManifest {
    /// [`CORPUS_SCHEMA`].
    pub schema: String,
    /// Program and version that made it.
    pub made_by: String,
    /// Contract of the embeddings.
    pub contract: String,
    /// What the export was made with.
    pub parameters: ExportParameters,
    /// Exported sets by number.
    pub facesets: Vec<FacesetSummary>,
    /// Sets of which nothing was left, by number. Their numbers are not used again.
    pub gaps: Vec<Gap>,
    /// What has been added, in order.
    #[serde(default)]
    pub runs: Vec<Run>,
    /// Sets that are not in use.
    #[serde(flatten)]
    pub aside: Aside,
    /// Other files and folders that lay in the corpus when it was taken over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
}

/// Sets that are not in use, and lie in quarantine: their numbers are taken.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Aside {
    /// In `_thin`: too few photos.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thin_eras: Vec<SetAside>,
    /// In `_masked`: hardly a face that can be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masked: Vec<SetAside>,
    /// In `_merged`: part of another set now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<SetAside>,
    /// In `_unmatched`: taken over, but the library has none of its faces, or none of its crops shows one
    /// face.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmatched: Vec<SetAside>,
}

impl Aside {
    /// Each list with the folder of its sets.
    pub fn lists(&self) -> [(&'static str, &[SetAside]); 4] {
        let Self { thin_eras, masked, merged, unmatched } = self;
        [(THIN, thin_eras), (MASKED, masked), (MERGED, merged), (UNMATCHED, unmatched)]
    }
}

/// A set that is not in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// `faceset_NNN`.
    pub name: String,
    /// Name given by people.
    pub label: Option<String>,
    /// Number of crops.
    pub images: usize,
    /// The set that has its crops now.
    pub merged_into: Option<String>,
    /// Whether its folder is there; a number stays taken even if not.
    pub present: bool,
    /// What there is to say of a set that was made here and not taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<FacesetSummary>,
}

/// Something that added sets to a corpus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The command.
    pub command: String,
    /// Program and version that ran it.
    pub made_by: String,
    /// What its sets were exported with.
    pub parameters: ExportParameters,
    /// Sets that it added.
    pub facesets: Vec<String>,
}

impl Schema for FacesetManifest {
    const SCHEMA: &'static str = FACESET_SCHEMA;

    fn names_stay_inside(&self) -> Result<(), NameError> {
        let names = [self.label.as_ref(), self.marker.as_ref(), self.parent.as_ref()].into_iter().flatten();
        let files = self.bundles.iter().map(|bundle| &bundle.file);
        let files = files.chain(self.formats.iter().map(|record| &record.file));
        names.chain(files).chain([&self.name]).try_for_each(|name| check_name(name))?;
        let crops = self.faces.iter().map(|face| &face.file);
        crops
            .chain(self.bundles.iter().flat_map(|bundle| &bundle.crops))
            .try_for_each(|file| check_path(file))
    }
}

impl Schema for CorpusManifest {
    const SCHEMA: &'static str = CORPUS_SCHEMA;

    fn names_stay_inside(&self) -> Result<(), NameError> {
        check_sets(self.facesets.iter().map(|set| set.name.as_str()))?;
        let aside = self.aside.lists().into_iter().flat_map(|(_, sets)| sets);
        aside.map(|set| &set.name).try_for_each(|name| check_name(name))?;
        let summaries = || self.facesets.iter().chain(self.thin());
        summaries().filter_map(|set| set.parent.as_ref()).try_for_each(|parent| check_name(parent))?;
        self.thin().try_for_each(|set| check_name(&set.name))?;
        summaries().flat_map(|set| &set.bundles).try_for_each(|bundle| check_path(bundle))
    }
}

impl CorpusManifest {
    /// Of a corpus without any set.
    pub fn empty(contract: String, parameters: ExportParameters) -> Self {
        Self {
            schema: CORPUS_SCHEMA.to_owned(),
            made_by: made_by(),
            contract,
            parameters,
            facesets: Vec::new(),
            gaps: Vec::new(),
            runs: Vec::new(),
            aside: Aside::default(),
            beside: Vec::new(),
        }
    }

    /// Eras with too few photos that were made here; they are in [`THIN`].
    pub fn thin(&self) -> impl Iterator<Item = &FacesetSummary> {
        self.aside.thin_eras.iter().filter_map(|set| set.summary.as_ref())
    }

    /// Every name whose number is taken.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let sets = self.facesets.iter().map(|set| set.name.as_str());
        let gaps = self.gaps.iter().map(|gap| gap.name.as_str());
        let aside = self.aside.lists().into_iter().flat_map(|(_, sets)| sets).map(|set| set.name.as_str());
        sets.chain(gaps).chain(aside)
    }
}

/// A faceset in the list of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FacesetSummary {
    /// `faceset_NNN`.
    pub name: String,
    /// Name given by people.
    #[serde(default)]
    pub label: Option<String>,
    /// The set that it is an era of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The era's label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub era: Option<String>,
    /// Number of crops.
    pub images: usize,
    /// Number of faces of the refined set that are not exported.
    pub dropped: usize,
    /// Whether its certificate is `passed`.
    #[serde(default)]
    pub certified: bool,
    /// Files of the bundles, relative to the corpus.
    pub bundles: Vec<String>,
}

impl FacesetSummary {
    /// What the list of all says of a set that lies at `place` in the corpus: at its name, or that in a
    /// quarantine.
    pub fn of(set: &FacesetManifest, place: &str) -> Self {
        Self {
            name: set.name.clone(),
            label: set.label.clone(),
            parent: set.parent.clone(),
            era: set.era.as_ref().map(|era| era.label.clone()),
            images: set.faces.len(),
            dropped: set.dropped.len(),
            certified: set.certificate.is_passed(),
            bundles: set.bundles.iter().map(|bundle| format!("{place}/{}", bundle.file)).collect(),
        }
    }
}

/// A set that is not there, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// `faceset_NNN`.
    pub name: String,
    /// Every face and the rule it failed.
    pub dropped: Vec<DroppedFace>,
    /// Where consent is refused, or was demanded and is not granted: what stands in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<SetConsent>,
}

impl Gap {
    /// Parts sets that were withheld from those of which nothing was left, which are named.
    pub fn part(gaps: &[Self]) -> (Vec<Withheld>, Vec<String>) {
        let (mut withheld, mut names) = (Vec::new(), Vec::new());
        for Self { name, consent, .. } in gaps {
            match consent {
                Some(consent) => withheld.push(Withheld { name: name.clone(), consent: consent.clone() }),
                None => names.push(name.clone()),
            }
        }
        (withheld, names)
    }

    /// Of a set of which nothing was left.
    pub fn new(name: &str, dropped: Vec<DroppedFace>) -> Self {
        Self { name: name.to_owned(), dropped, consent: None }
    }
}

impl ExportedFace {
    /// The record of a planned face that was written to `file`, whose bytes have this digest.
    pub fn new(gallery: &Gallery, planned: &PlannedFace, file: String, png: Sha256Digest) -> Self {
        let (record, content) = (&gallery.faces[planned.face], gallery.content_of(planned.face));
        Self {
            file,
            png_sha256: Some(png.to_string()),
            source: content.canonical().text(),
            aliases: content.aliases().iter().map(Location::text).collect(),
            sha256: content.sha256.to_string(),
            bbox: record.bbox.corners(),
            pad_ratio: planned.pad_ratio,
            quality: Quality { terms: planned.quality, composite: planned.quality.composite() },
            pose: PoseRecord::of(record),
            capture_year: content.capture_year,
        }
    }
}
