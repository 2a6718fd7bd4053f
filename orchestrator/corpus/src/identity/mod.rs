//! Identities that are added to a corpus: found among strangers, or asserted by folders that a person sorted
//! by hand. Pure.

mod discover;
mod recipe;
mod sorted;
#[cfg(test)]
mod tests;

use std::path::Path;

use facesets_people::{gallery::Gallery, pins::ResolvedPins};
use serde::{Deserialize, Serialize};

pub use discover::{Canonical, DiscoverParameters, Discovery, SetMatches, discover};
pub use recipe::{Recipe, RecipeError, TrustedFolder};
pub use sorted::{Imported, SortedIdentity, sorted_identities};

use crate::{
    export::{
        self, ExportParameters, PlannedSet,
        origin::{Origin, OriginKind},
    },
    manifest::{FaceEntry, face_entries},
};

/// Distance within which a face is an existing identity's: the system before this one had proven it.
pub const MATCH_THRESHOLD: facesets_people::threshold::CosineDistance =
    facesets_people::threshold::CosineDistance::literal(0.45);

/// Sets that are to be added to a corpus, whose other sets stay as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Additions {
    /// Who says that their faces are one person's.
    pub origin: OriginKind,
    /// How they are exported.
    pub parameters: ExportParameters,
    /// The sets, by number.
    pub sets: Vec<NewSet>,
}

/// A set that is to be added to a corpus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewSet {
    /// `faceset_NNN`.
    pub name: String,
    /// What people call it; its bundles are named after it.
    pub label: Option<String>,
    /// Name of a text file in it that says where it came from.
    pub marker: Option<String>,
    /// Its faces before the rules of the export, each once.
    pub faces: Vec<FaceEntry>,
}

impl NewSet {
    /// A set of faces (rows of the gallery).
    pub fn new(gallery: &Gallery, name: String, rows: &[usize]) -> Self {
        let faces = rows.iter().filter_map(|row| face_entries(gallery, *row).next()).collect();
        Self { name, label: None, marker: None, faces }
    }

    /// What the export makes of these rows of the gallery under the set's name.
    pub fn plan(
        &self,
        gallery: &Gallery,
        rows: Vec<usize>,
        parameters: &ExportParameters,
        origin: Origin,
        pins: &ResolvedPins,
    ) -> PlannedSet {
        PlannedSet {
            label: self.label.clone(),
            marker: self.marker.clone(),
            origin,
            ..export::plan(gallery, &self.name, rows, parameters, pins)
        }
    }
}

/// Faces of photos that lie, at any of their places, below a folder.
pub fn faces_under(gallery: &Gallery, root: &Path) -> Vec<usize> {
    let below: Vec<bool> = gallery.contents.iter().map(|content| content.lies_below(root)).collect();
    (0..gallery.faces.len()).filter(|face| below[gallery.faces[*face].content]).collect()
}

/// A name that can be that of a file on every system: what cannot be in one is `_`.
pub fn file_label(text: &str) -> String {
    let safe = |c: char| if c.is_control() || "<>:\"|?*\\/".contains(c) { '_' } else { c };
    let label: String =
        text.trim().trim_start_matches('.').trim_end_matches(['.', ' ']).chars().map(safe).collect();
    if label.is_empty() { "_".to_owned() } else { label }
}
