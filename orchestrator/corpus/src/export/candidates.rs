//! Faces that `cluster` left alone but that are near a set: for a person to look at, below `_candidates/`,
//! never in a bundle.

use std::{collections::BTreeSet, fs, path::Path};

use facesets_base::layout::{CANDIDATES, CANDIDATES_SCHEMA};
use facesets_people::{
    consent::ConsentState,
    gallery::Gallery,
    matching::Centroids,
    quality::QualityTerms,
    threshold::{CosineDistance, Fraction},
    upright::on_its_side,
};
use serde::{Deserialize, Serialize};

use super::{
    cut::cut,
    draft::Draft,
    manifest::{ExportedFace, FacesetManifest},
    plan::{ExportParameters, PlannedFace, PlannedSet, by_rank, widest_padding},
    renderer::{RenderError, Renderer, at},
};
use crate::{
    certificate::consumer::crop_name,
    manifest::{self, NameError, Schema, check_path, check_sets},
};

/// Which single faces are candidates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CandidateParameters {
    /// Farthest cosine distance of a single face from the centroid of the set that it may belong to.
    pub candidate_match_threshold: CosineDistance,
    /// Least composite quality of such a face.
    pub candidate_min_score: Fraction,
}

impl Default for CandidateParameters {
    /// Those of the system before this one.
    fn default() -> Self {
        Self {
            candidate_match_threshold: CosineDistance::literal(0.55),
            candidate_min_score: Fraction::literal(0.40),
        }
    }
}

/// A face that may belong to a set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// How it is cut.
    pub face: PlannedFace,
    /// Cosine distance to the set's centroid.
    pub distance: f32,
}

/// `_candidates/manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateManifest {
    /// [`CANDIDATES_SCHEMA`].
    pub schema: String,
    /// Contract of the embeddings.
    pub contract: String,
    /// How they were chosen.
    pub parameters: CandidateParameters,
    /// Sets that have any, in their order.
    pub sets: Vec<CandidateSet>,
}

/// The candidates of a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateSet {
    /// Name of the set, and of the folder of its candidates.
    pub name: String,
    /// Best first.
    pub faces: Vec<CandidateFace>,
}

/// A candidate that was cut out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateFace {
    /// Cosine distance to the set's centroid.
    pub distance: f32,
    /// Everything else; its file is relative to `_candidates/`.
    #[serde(flatten)]
    pub face: ExportedFace,
}

impl Schema for CandidateManifest {
    const SCHEMA: &'static str = CANDIDATES_SCHEMA;

    fn names_stay_inside(&self) -> Result<(), NameError> {
        check_sets(self.sets.iter().map(|set| set.name.as_str()))?;
        let mut faces = self.sets.iter().flat_map(|set| &set.faces);
        faces.try_for_each(|candidate| check_path(&candidate.face.file))
    }
}

/// The candidates of each of `sets` among `singles` (rows of the gallery), best first. A face is its nearest
/// set's only; faces of the sets themselves, faces below a floor, faces that lie and faces that cannot be cut
/// out alone are none. Pure.
pub fn candidates(
    gallery: &Gallery,
    sets: &[&PlannedSet],
    singles: &BTreeSet<usize>,
    export: &ExportParameters,
    parameters: &CandidateParameters,
) -> Vec<Vec<Candidate>> {
    let rows: Vec<Vec<usize>> = sets
        .iter()
        .map(|set| {
            let mut rows: Vec<usize> = set.faces.iter().map(|planned| planned.face).collect();
            rows.sort_unstable();
            rows
        })
        .collect();
    let taken: BTreeSet<usize> = sets
        .iter()
        .flat_map(|set| set.faces.iter().map(|f| f.face).chain(set.dropped.iter().map(|drop| drop.face)))
        .collect();
    let open: Vec<usize> = singles.difference(&taken).copied().collect();
    let mut found: Vec<Vec<Candidate>> = vec![Vec::new(); sets.len()];
    for (face, nearest) in open.iter().zip(Centroids::of(gallery, &rows).nearest(gallery, &open)) {
        let Some(nearest) = nearest else { continue };
        if on_its_side(gallery, *face, export.max_roll).is_some() {
            continue;
        }
        let quality = QualityTerms::of(&gallery.faces[*face]);
        let Ok(pad_ratio) = widest_padding(gallery, *face, export.pad_ratio) else { continue };
        if nearest.distance <= parameters.candidate_match_threshold.get()
            && quality.composite() >= parameters.candidate_min_score.get()
        {
            let face = PlannedFace { face: *face, quality, pad_ratio };
            found[nearest.set].push(Candidate { face, distance: nearest.distance });
        }
    }
    for set in &mut found {
        set.sort_by(|a, b| by_rank(gallery, &a.face, &b.face));
    }
    found
}

/// Writes candidates below `folder`; returns how many there are. `exported` names the sets that are really
/// there.
pub fn render_candidates(
    renderer: &Renderer<'_>,
    sets: &[&PlannedSet],
    found: &[Vec<Candidate>],
    exported: &[FacesetManifest],
    parameters: &CandidateParameters,
    folder: &Path,
) -> Result<usize, RenderError> {
    let home = folder.join(CANDIDATES);
    fs::create_dir_all(&home).map_err(at(&home))?;
    let is_refused = |face: usize| {
        let said = renderer.view.consent.consent(&BTreeSet::from([face]));
        said.state == ConsentState::Refused && !renderer.demand.is_met_by(&said)
    };
    let mut written = Vec::new();
    let mut refused = 0;
    for (set, found) in sets.iter().zip(found) {
        // Nobody has said who a single face is, but of it consent may be refused.
        let open = found.iter().filter(|candidate| !is_refused(candidate.face.face));
        let (all, found) = (found.len(), open.copied().collect::<Vec<Candidate>>());
        refused += all - found.len();
        if found.is_empty() || !exported.iter().any(|there| there.name == set.name) {
            continue;
        }
        let crops = home.join(&set.name);
        fs::create_dir_all(&crops).map_err(at(&crops))?;
        let mut drafts: Vec<Draft> = (0..)
            .zip(&found)
            .map(|(rank, candidate)| Draft::new(0, candidate.face, crops.join(crop_name(rank))))
            .collect();
        cut(renderer, &mut drafts)?;
        let faces = (0..).zip(drafts.iter().zip(&found)).filter_map(|(rank, (draft, candidate))| {
            let file = format!("{}/{}", set.name, crop_name(rank));
            let face = ExportedFace::new(&renderer.view.gallery, &candidate.face, file, draft.png()?);
            Some(CandidateFace { distance: candidate.distance, face })
        });
        written.push(CandidateSet { name: set.name.clone(), faces: faces.collect() });
    }
    if refused > 0 {
        renderer.monitor.note(&format!("{refused} single faces are no candidates: consent refused"));
    }
    let count = written.iter().map(|set| set.faces.len()).sum();
    let manifest = CandidateManifest {
        schema: CANDIDATES_SCHEMA.to_owned(),
        contract: renderer.view.gallery.contract.clone(),
        parameters: *parameters,
        sets: written,
    };
    manifest::write(&home, &manifest)?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use facesets_people::{pins::ResolvedPins, testing::gallery_of};

    use super::*;
    use crate::export::plan;

    #[test]
    fn a_single_face_goes_to_its_nearest_set_if_it_is_near_and_good_enough() {
        // Two people, then: near the first, near the second, between, of nobody.
        let near_both = std::f32::consts::FRAC_PI_2 * 0.95;
        let gallery = gallery_of(&[
            (0, 0.1),
            (0, 0.1),
            (1, 0.1),
            (1, 0.1),
            (0, 0.5),
            (1, 0.6),
            (2, 0.0),
            (0, near_both),
        ]);
        let export = ExportParameters::default();
        let pins = ResolvedPins::default();
        let sets = [
            plan(&gallery, "faceset_001", vec![0, 1], &export, &pins),
            plan(&gallery, "faceset_002", vec![2, 3], &export, &pins),
        ];
        let sets: Vec<&PlannedSet> = sets.iter().collect();
        let singles = BTreeSet::from([0, 4, 5, 6, 7]);
        let parameters =
            CandidateParameters { candidate_min_score: Fraction::literal(0.1), ..Default::default() };
        let found = candidates(&gallery, &sets, &singles, &export, &parameters);
        let rows = |set: &Vec<Candidate>| set.iter().map(|candidate| candidate.face.face).collect::<Vec<_>>();
        assert_eq!(found.iter().map(rows).collect::<Vec<_>>(), [vec![4], vec![5]]);
        assert!((0.0..0.55).contains(&found[0][0].distance));

        let strict = CandidateParameters { candidate_min_score: Fraction::literal(1.0), ..parameters };
        assert!(candidates(&gallery, &sets, &singles, &export, &strict).iter().all(Vec::is_empty));
    }
}
