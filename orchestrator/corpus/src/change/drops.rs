//! Faces that decisions have dropped for good. They are part of the journal, so that a decision that is taken
//! back takes its drops back too.

use facesets_core::{BBox, Sha256Digest};
use facesets_library::store::{Decision, DecisionState, Store};
use facesets_people::pins::{DroppedForGood, PinnedFace};
use serde::{Deserialize, Serialize};

use super::{ChangeError, Intent};

/// A face that no set is to have again, as it stands in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaceDrop {
    /// Digest of its photo, in hexadecimal.
    pub sha256: String,
    /// x1, y1, x2, y2 in pixels of the upright photo.
    pub bbox: [f32; 4],
    /// Why, for people.
    pub reason: String,
}

/// A drop and the decision that it is part of.
#[derive(Debug, Clone, PartialEq)]
pub struct LastingDrop {
    /// Which face.
    pub dropped: DroppedForGood,
    /// Why, for people.
    pub reason: String,
}

/// Every drop of the decisions that stand, or wait to be finished, oldest first.
pub fn lasting_drops(store: &Store) -> Result<Vec<LastingDrop>, ChangeError> {
    let mut drops = Vec::new();
    let stands =
        |decision: &Decision| matches!(decision.state, DecisionState::Done | DecisionState::Applying);
    for decision in store.decisions()?.into_iter().filter(stands) {
        for FaceDrop { sha256, bbox, reason } in Intent::from_json(&decision.intent)?.drops {
            let wrong = |what: &str| ChangeError::Journal(format!("decision {} drops {what}", decision.id));
            let sha256: Sha256Digest = sha256.parse().map_err(|_| wrong("what is no digest"))?;
            let bbox = BBox::new(bbox).map_err(|_| wrong("what is no box"))?;
            let face = PinnedFace { sha256, bbox };
            drops.push(LastingDrop { dropped: DroppedForGood { face, decision: decision.id }, reason });
        }
    }
    Ok(drops)
}
