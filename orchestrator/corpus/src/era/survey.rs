//! Which faces are looked at: those of the set, and what else of the same person lies around.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use facesets_people::{
    cluster::centroid,
    drops::Drop,
    gallery::Gallery,
    pins::{Kinship, ResolvedPins},
    refine::{Gates, gate, keep, within, within_centroid},
    threshold::CosineDistance,
    upright::upright,
};
use serde::{Deserialize, Serialize};

use crate::identity::faces_under;

/// Every knob of [`survey`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SurveyParameters {
    /// Farthest cosine distance of a face from the centroid of the set at which it is looked at.
    pub recovery_threshold: CosineDistance,
    /// What one face must be.
    #[serde(flatten)]
    pub gates: Gates,
    /// Farthest cosine distance from the centroid of what was found so.
    pub tighten_threshold: CosineDistance,
}

impl Default for SurveyParameters {
    fn default() -> Self {
        Self {
            recovery_threshold: CosineDistance::literal(0.55),
            gates: Gates::default(),
            tighten_threshold: CosineDistance::literal(0.50),
        }
    }
}

/// A set, and what is known of the faces around it (rows of the gallery).
#[derive(Debug, Clone, Default)]
pub struct Subject {
    /// Faces of the set, ascending; never empty.
    pub seed: Vec<usize>,
    /// Folders in which more of them are looked for.
    pub roots: Vec<PathBuf>,
    /// Faces that are out for good: dropped by a decision, or no faces.
    pub excluded: BTreeSet<usize>,
    /// Faces of other people's sets.
    pub others: BTreeSet<usize>,
}

/// The faces that were looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Survey {
    /// Those that are good enough, ascending.
    pub faces: Vec<usize>,
    /// How many of them are not in the set.
    pub recovered: usize,
    /// Those that a rule left out; of faces that are not in the set, only those that were near enough.
    pub dropped: Vec<Drop>,
}

impl Subject {
    /// The deepest folder that holds every photo of the set: where its faces come from, if nobody says
    /// otherwise.
    pub fn common_root(gallery: &Gallery, seed: &[usize]) -> Option<PathBuf> {
        let folder = |face: &usize| gallery.content_of(*face).canonical().path().parent().map(Path::to_owned);
        seed.iter().filter_map(folder).reduce(|common, folder| {
            common
                .ancestors()
                .find(|ancestor| folder.starts_with(ancestor))
                .map_or_else(PathBuf::new, Path::to_owned)
        })
    }

    /// Faces near the set's centroid that pass the gates; the others go to `dropped`.
    ///
    /// Nothing in this depends on other candidates: a face that is found alone is found in any company.
    pub fn candidates(
        &self,
        gallery: &Gallery,
        parameters: &SurveyParameters,
        pins: &ResolvedPins,
        dropped: &mut Vec<Drop>,
    ) -> Vec<usize> {
        let kinship = Kinship::of(pins);
        let in_seed = |face: &usize| self.seed.binary_search(face).is_ok();
        let stranger = |face: usize| {
            self.others.contains(&face)
                || kinship.knows(face) && self.seed.iter().any(|own| kinship.are_apart(face, *own))
        };
        let mut faces: BTreeSet<usize> =
            self.roots.iter().flat_map(|root| faces_under(gallery, root)).collect();
        faces.retain(|face| in_seed(face) || !stranger(*face));
        faces.extend(&self.seed);
        faces.retain(|face| !self.excluded.contains(face));

        let centre = centroid(&gallery.embeddings, &upright(gallery, &self.seed));
        let mut far = Vec::new();
        let near =
            within(gallery, faces.into_iter().collect(), &centre, parameters.recovery_threshold, &mut far);
        dropped.extend(far.into_iter().filter(|drop| in_seed(&drop.face)));
        keep(near, dropped, |face| gate(gallery, face, &parameters.gates))
    }
}

/// Looks for faces of a set: those near its centroid that pass the gates, then of these the ones near the
/// centroid of them all.
///
/// O(n·d) for n faces of the gallery.
pub fn survey(
    gallery: &Gallery,
    subject: &Subject,
    parameters: &SurveyParameters,
    pins: &ResolvedPins,
) -> Survey {
    let mut dropped = Vec::new();
    let good = subject.candidates(gallery, parameters, pins, &mut dropped);
    let faces = within_centroid(gallery, good, parameters.tighten_threshold, &mut dropped);
    dropped.sort_by_key(|drop| drop.face);
    let recovered = faces.iter().filter(|face| subject.seed.binary_search(face).is_err()).count();
    Survey { faces, recovered, dropped }
}
