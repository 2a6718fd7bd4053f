//! What some formats tell of faces and the gallery does not hold: read from the store before anything is
//! written, only as far as needed.

use std::collections::{BTreeSet, HashMap};

use facesets_library::store::{Store, StoreError};
use facesets_people::gallery::{FaceDetails, Gallery};

use super::kind::Format;

/// See above.
#[derive(Debug, Default)]
pub struct Extras {
    /// Points of faces, by their rows in the gallery.
    pub details: HashMap<usize, FaceDetails>,
}

impl Extras {
    /// What these formats need of faces that may be the best of their sets (rows of the gallery).
    pub fn read(
        store: &Store,
        gallery: &Gallery,
        formats: &BTreeSet<Format>,
        best: impl Iterator<Item = usize>,
    ) -> Result<Self, StoreError> {
        let mut extras = Self::default();
        if formats.contains(&Format::Reactor) {
            for row in best {
                extras.details.insert(row, store.face_details(gallery, row)?);
            }
        }
        Ok(extras)
    }
}
