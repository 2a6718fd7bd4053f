//! What was left out, as a person wants to read it: by rule, with a few examples each; and which photos are
//! to be turned.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use facesets_corpus::manifest::DroppedFace;
use facesets_people::{
    drops::Gate,
    gallery::{FaceIndex, Gallery},
    upright::lying_photos,
};
use serde::Serialize;

/// Examples that are listed for each rule; the manifest has them all.
const LISTED: usize = 20;

/// Faces that were left out; part of a summary. Under `#`, as `--quiet` asks for it, only how many there are.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DropReport {
    /// Each with its reason.
    pub(crate) dropped: Vec<DroppedFace>,
    /// Photos of those that lie.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    lying: BTreeSet<String>,
}

impl DropReport {
    /// Of faces of a gallery.
    pub(crate) fn new(gallery: &Gallery, dropped: Vec<DroppedFace>) -> Self {
        let lies = |drop: &&DroppedFace| drop.reason.gate() == Gate::OnItsSide;
        let mut lying = dropped.iter().filter(lies).peekable();
        let photos = if lying.peek().is_some() {
            let index = FaceIndex::new(gallery);
            lying_photos(gallery, lying.filter_map(|drop| index.row(&drop.face.sha256, drop.face.bbox)))
        } else {
            BTreeSet::new()
        };
        Self { lying: photos, dropped }
    }

    /// Of crops, whose photos are no matter.
    pub(crate) fn of_crops(dropped: Vec<DroppedFace>) -> Self {
        Self { dropped, lying: BTreeSet::new() }
    }
}

impl fmt::Display for DropReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut by_gate: BTreeMap<Gate, Vec<&DroppedFace>> = BTreeMap::new();
        for dropped in &self.dropped {
            by_gate.entry(dropped.reason.gate()).or_default().push(dropped);
        }
        for (gate, dropped) in by_gate {
            writeln!(f, "left out, {gate}: {}", dropped.len())?;
            if f.alternate() {
                continue;
            }
            for DroppedFace { face, reason } in dropped.iter().take(LISTED) {
                let [x1, y1, ..] = face.bbox;
                writeln!(f, "  {} (face at {x1:.0},{y1:.0}): {reason}", face.path)?;
            }
            if dropped.len() > LISTED {
                writeln!(f, "  … and {} more, see `dropped` in the manifest", dropped.len() - LISTED)?;
            }
        }
        write_lying(f, &self.lying)
    }
}

/// Names photos that are to be turned.
pub(crate) fn write_lying(f: &mut fmt::Formatter<'_>, lying: &BTreeSet<String>) -> fmt::Result {
    if lying.is_empty() {
        return Ok(());
    }
    writeln!(
        f,
        "{} photos lie on their side or stand on their head: turn them and run `facesets embed` again",
        lying.len()
    )?;
    lying.iter().take(LISTED).try_for_each(|path| writeln!(f, "  {path}"))?;
    if lying.len() > LISTED {
        writeln!(f, "  … and {} more, see `lying` with `--json`", lying.len() - LISTED)?;
    }
    Ok(())
}
