//! What was left out, as a person wants to read it: by rule, with a few examples each.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use crate::{manifest::DroppedFace, refine::Gate};

/// Examples that are listed for each rule; the manifest has them all.
const LISTED: usize = 20;

/// Faces that were left out. Under `#`, as `--quiet` asks for it, only how many there are.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub(super) struct DropReport(pub(super) Vec<DroppedFace>);

impl fmt::Display for DropReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut by_gate: BTreeMap<Gate, Vec<&DroppedFace>> = BTreeMap::new();
        for dropped in &self.0 {
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
        Ok(())
    }
}
