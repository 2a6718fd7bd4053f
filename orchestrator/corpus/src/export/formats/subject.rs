//! What the formats are made of: a set, its crops and what is known of their faces.

use facesets_core::EMBEDDING_LEN;
use facesets_library::{npy::head as npy_head, store::Item};
use facesets_people::gallery::Gallery;

use super::extras::Extras;
use crate::{certificate::GenderAgeRecord, export::manifest::ExportedFace};

/// A set as its formats are made from it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Whose faces they are.
    pub gallery: &'a Gallery,
    /// What that does not hold.
    pub extras: &'a Extras,
    /// What bundles are named after.
    pub name: &'a str,
    /// Best first, not empty.
    pub faces: &'a [ExportedFace],
    /// Rows of the gallery, those of `faces`.
    pub rows: &'a [usize],
    /// The bytes of the best crop.
    pub best: &'a [u8],
    /// What is said of gender and age, if anything.
    pub gender_age: Option<&'a GenderAgeRecord>,
}

impl Subject<'_> {
    /// The mean of the raw embeddings, as these tools make it from images themselves; they scale it to unit
    /// length when they use it.
    pub(super) fn mean_raw(&self) -> Vec<f32> {
        let mut sum = vec![0.0f64; self.gallery.embeddings.ncols()];
        for row in self.rows {
            let norm = f64::from(self.gallery.faces[*row].norm);
            for (total, value) in sum.iter_mut().zip(self.gallery.embedding(*row)) {
                *total += norm * f64::from(*value);
            }
        }
        sum.iter().map(|total| (total / self.rows.len() as f64) as f32).collect()
    }

    pub(super) fn npy(&self) -> Vec<u8> {
        debug_assert_eq!(self.gallery.embeddings.ncols(), EMBEDDING_LEN);
        let mut bytes = npy_head(Item::F32(&[EMBEDDING_LEN]), Some(self.rows.len() as u64));
        for row in self.rows {
            bytes.extend(self.gallery.embedding(*row).iter().flat_map(|value| value.to_le_bytes()));
        }
        bytes
    }
}
