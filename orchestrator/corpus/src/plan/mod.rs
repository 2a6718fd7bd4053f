//! What a pass has decided, as a file: what [`apply()`] consumes, and all that it needs besides the library.
//!
//! A plan names what it was made from by digests: of the gallery, and of the manifest of every folder that it
//! changes. Where one of them has changed since, the plan is refused.

mod adopt;
pub mod adoption;
mod apply;
mod check;
mod corpus;
mod eras;
mod folders;
mod tree;
mod workshop;

use std::path::{Path, PathBuf};

use facesets_base::layout::PLAN_SCHEMA;
use facesets_core::Sha256Digest;
use facesets_people::{
    consent::{Demand, Withheld},
    gallery::Gallery,
    view::View,
};
use serde::{Deserialize, Serialize};

pub use apply::{apply, refuse_drifted};
pub use workshop::{Applied, ApplyError, Bundled, Workshop};

use crate::{
    era::EraChange,
    export::{PlannedSet, origin::Origin},
    identity::Additions,
    manifest::{ClusterManifest, ManifestError, RefinedManifest, made_by, read_bytes},
    plan::adoption::Adoption,
};

/// What a pass has decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_SCHEMA`].
    pub schema: String,
    /// Program and version that made it.
    pub made_by: String,
    /// The command, for people and for the journal.
    pub command: String,
    /// Contract of the embeddings.
    pub contract: String,
    /// [`Gallery::digest`] of the faces it was made from.
    pub gallery: String,
    /// What is demanded of each set that is rendered.
    #[serde(default)]
    pub demand: Demand,
    /// The folders that it changes.
    pub targets: Vec<Target>,
}

/// What becomes of one folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Absolute path of the folder.
    pub root: PathBuf,
    /// sha256 of the `manifest.json` that it was made from.
    pub was: String,
    /// What the folder is to hold.
    pub becomes: Becomes,
}

/// What a folder is to hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Becomes {
    /// The clusters of a new manifest.
    Clusters(ClusterManifest),
    /// The facesets of a new manifest.
    Refined(RefinedManifest),
    /// A corpus with more sets.
    Corpus(Additions),
    /// A corpus of the system before this one, as one of ours.
    Adopted(Adoption),
    /// A corpus with other eras of one of its sets.
    Eras(EraChange),
}

impl Plan {
    /// A plan that changes nothing yet.
    pub fn new(command: String, gallery: &Gallery) -> Self {
        Self {
            schema: PLAN_SCHEMA.to_owned(),
            made_by: made_by(),
            command,
            contract: gallery.contract.clone(),
            gallery: gallery.digest().to_string(),
            demand: Demand::default(),
            targets: Vec::new(),
        }
    }

    /// Whether carrying it out makes bundles, whose crops somebody should look at.
    pub fn makes_bundles(&self) -> bool {
        self.targets.iter().any(|target| match target.becomes {
            Becomes::Corpus(_) | Becomes::Adopted(_) | Becomes::Eras(_) => true,
            Becomes::Clusters(_) | Becomes::Refined(_) => false,
        })
    }

    /// The folders that it changes.
    pub fn roots(&self) -> Vec<PathBuf> {
        self.targets.iter().map(|target| target.root.clone()).collect()
    }
}

/// The sets that [`apply()`] will leave out because of what the plan demands of their consent, as far as can
/// be told before crops are looked at.
pub fn withheld(plan: &Plan, view: &View) -> Result<Vec<Withheld>, ApplyError> {
    let consent = &view.consent;
    let withhold = |set: &PlannedSet| consent.withheld(&set.name, &set.person, plan.demand);
    let mut withheld = Vec::new();
    for target in &plan.targets {
        withheld.extend(match &target.becomes {
            Becomes::Corpus(additions) => {
                let origin = Origin { kind: additions.origin, run: 0 };
                let planned = corpus::planned(additions, &origin, view)?;
                planned.iter().filter_map(withhold).collect()
            }
            Becomes::Eras(change) => eras::withheld(change, &target.root, view, withhold)?,
            Becomes::Adopted(adoption) => {
                let withhold = |name: &str, person: &_| consent.withheld(name, person, plan.demand);
                adopt::withheld(adoption, &view.index, withhold)
            }
            Becomes::Clusters(_) | Becomes::Refined(_) => Vec::new(),
        });
    }
    Ok(withheld)
}

/// Digest of a folder's manifest as it is now; of nothing where there is none.
pub fn manifest_digest(root: &Path) -> Result<String, ManifestError> {
    match read_bytes(root) {
        Ok(bytes) => Ok(Sha256Digest::of(&bytes).to_string()),
        Err(ManifestError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(Sha256Digest::of(b"").to_string())
        }
        Err(error) => Err(error),
    }
}
