//! What becomes of a corpus of the system before this one, as a plan has it.

use serde::{Deserialize, Serialize};

use crate::{
    change::FaceDrop,
    export::{
        manifest::{Aside, Unmatched},
        origin::OriginKind,
        plan::out_size,
    },
    manifest::{DroppedFace, FaceEntry},
};

/// What becomes of an old corpus. Its crops keep their bytes and names; its sets keep theirs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Adoption {
    /// Sets of which at least one crop was recognised, by name.
    pub sets: Vec<AdoptedSet>,
    /// Sets that are not in use; those that lie in quarantine stay where they are.
    pub aside: Aside,
    /// Numbers that are taken although nothing has them: sets that only the old manifest knows.
    pub missing: Vec<String>,
    /// Other files and folders of the corpus, which stay.
    pub beside: Vec<String>,
    /// Faces that were dropped and are in use nowhere: dropped for good.
    pub drops: Vec<FaceDrop>,
}

/// What becomes of an old set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdoptedSet {
    /// `faceset_NNN`, perhaps with an era.
    pub name: String,
    /// Name given by people.
    pub label: Option<String>,
    /// Name of a text file in it that says where it came from.
    pub marker: Option<String>,
    /// Who said that its faces are one person's, as far as its names tell.
    pub origin: OriginKind,
    /// Crops in its small bundle.
    pub top_n: usize,
    /// Side of its crops in pixels.
    #[serde(deserialize_with = "out_size")]
    pub out_size: u32,
    /// Its crops, best first as they were.
    pub faces: Vec<AdoptedCrop>,
    /// Faces that are not to be in it. Decision 0 stands for the one that this plan becomes.
    pub dropped: Vec<DroppedFace>,
    /// Crops that pins speak against: they go to those that are dropped.
    pub pinned: Vec<String>,
    /// What fits no face of the library.
    pub unmatched: Vec<Unmatched>,
    /// Other files and folders in it, which stay.
    pub beside: Vec<String>,
}

/// A crop and the face that it shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdoptedCrop {
    /// Name of the file in `faces`.
    pub file: String,
    /// The face.
    pub face: FaceEntry,
}
