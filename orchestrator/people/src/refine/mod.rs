//! From a gallery to refined facesets: leave out what lies, cluster, merge what was split, gate by quality,
//! reject outliers, keep what is large enough.
//!
//! Pure functions of a [`Gallery`]; whatever is left out comes back as a [`Drop`] with its reason.

mod numbers;

use std::collections::BTreeSet;

use ndarray::Array1;
use serde::{Deserialize, Serialize};

use crate::drops::{Drop, DropReason};
pub use numbers::numbers;

use crate::{
    cluster::{ClusterError, centroid},
    gallery::Gallery,
    grouping::Grouping,
    pins::ResolvedPins,
    threshold::{CosineDistance, Fraction},
    upright::{MAX_ROLL, on_its_side},
};

/// Clusters smaller than this have no centroid worth measuring outliers from.
const MIN_FACES_FOR_OUTLIERS: usize = 4;

/// What a face must be, whomever it is of. Defaults are those of the
/// system before this one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gates {
    /// Least short side of a face's box in pixels.
    pub min_short: f32,
    /// Least variance of the Laplacian of a face.
    pub min_blur: f32,
    /// Least confidence of the detector.
    pub min_det_score: Fraction,
    /// Most degrees by which a face is turned in the photo; 180 keeps faces on their side or head too.
    #[serde(default = "max_roll")]
    pub max_roll: f32,
}

/// What folders of earlier versions are extended by too: nobody had decided otherwise.
fn max_roll() -> f32 {
    MAX_ROLL
}

impl Default for Gates {
    fn default() -> Self {
        Self { min_short: 90.0, min_blur: 40.0, min_det_score: Fraction::literal(0.6), max_roll: MAX_ROLL }
    }
}

/// Every knob of [`refine`], with the defaults that the system before this one had proven.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RefineParameters {
    /// Cosine distance at which the first, average-linkage clustering is cut.
    pub initial_threshold: CosineDistance,
    /// Cosine distance within which the centroids of clusters (all of them: complete linkage) are one
    /// person's.
    pub merge_threshold: CosineDistance,
    /// What one face must be.
    #[serde(flatten)]
    pub gates: Gates,
    /// Farthest cosine distance of a face from its centroid, in clusters of at least 4 faces.
    pub outlier_threshold: CosineDistance,
    /// Fewest distinct photos of a faceset.
    pub min_faces: usize,
}

impl Default for RefineParameters {
    fn default() -> Self {
        Self {
            initial_threshold: CosineDistance::literal(0.55),
            merge_threshold: CosineDistance::literal(0.40),
            gates: Gates::default(),
            outlier_threshold: CosineDistance::literal(0.55),
            min_faces: 15,
        }
    }
}

/// What [`refine`] made of a gallery. Every face is in exactly one group or one drop.
#[derive(Debug, Clone, PartialEq)]
pub struct Refined {
    /// Faces (rows of the gallery, ascending) of each faceset: most faces first, then by first canonical
    /// path.
    pub facesets: Vec<Vec<usize>>,
    /// What was left out, by face.
    pub dropped: Vec<Drop>,
    /// Photos of each group that has too few for a faceset, most first; those of which the gates left nothing
    /// are not in it.
    pub thin: Vec<usize>,
}

/// Refines a gallery. O(n²) in the clustering; the rest is O(n).
pub fn refine(
    gallery: &Gallery,
    parameters: &RefineParameters,
    grouping: &Grouping<'_>,
) -> Result<Refined, ClusterError> {
    let (mut facesets, mut thin) = (Vec::new(), Vec::new());
    let mut dropped = Vec::new();
    dropped.extend(ruled_out(grouping.pins));
    let upright = without_lying(gallery, grouping.usable(gallery), &parameters.gates, &mut dropped);
    let clusters = grouping.faces(gallery, &upright, parameters.initial_threshold)?;
    for group in grouping.merged(gallery, &clusters, parameters.merge_threshold)? {
        match survivors(gallery, group, parameters, &mut dropped) {
            Ok(faceset) => facesets.push(faceset),
            Err(photos) => thin.push(photos),
        }
    }
    order_by_size(&mut facesets);
    order_thin(&mut thin);
    dropped.sort_by_key(|drop| drop.face);
    Ok(Refined { facesets, dropped, thin })
}

/// Faces that are none or that are dropped for good, as the user says; each once.
pub fn ruled_out(pins: &ResolvedPins) -> impl Iterator<Item = Drop> {
    let none = |(face, pin): &(usize, i64)| Drop { face: *face, reason: DropReason::Pinned { pin: *pin } };
    let decided = |(face, decision): &(usize, i64)| {
        let is_none = pins.no_faces.binary_search_by_key(face, |(row, _)| *row).is_ok();
        (!is_none).then_some(Drop { face: *face, reason: DropReason::Decided { decision: *decision } })
    };
    pins.no_faces.iter().map(none).chain(pins.dropped.iter().filter_map(decided))
}

/// What the gates leave of a group, if that is enough for a faceset, else in how many photos that is; the
/// other faces go to `dropped`.
pub fn survivors(
    gallery: &Gallery,
    group: Vec<usize>,
    parameters: &RefineParameters,
    dropped: &mut Vec<Drop>,
) -> Result<Vec<usize>, usize> {
    let good = keep(group, dropped, |face| gate(gallery, face, &parameters.gates));
    let close = without_outliers(gallery, good, parameters, dropped);
    let images = distinct_images(gallery, &close);
    if images >= parameters.min_faces.max(1) {
        return Ok(close);
    }
    let reason = DropReason::TooFewImages { images, min: parameters.min_faces };
    dropped.extend(close.into_iter().map(|face| Drop { face, reason: reason.clone() }));
    Err(images)
}

/// Most faces first; of equal ones, the one whose first face comes first in the gallery's order (canonical
/// path).
pub fn order_by_size(groups: &mut [Vec<usize>]) {
    groups.sort_by_key(|group| (std::cmp::Reverse(group.len()), group.first().copied()));
}

/// Numbers of photos, most first, without groups of which nothing was left.
pub fn order_thin(thin: &mut Vec<usize>) {
    thin.retain(|photos| *photos > 0);
    thin.sort_unstable_by_key(|photos| std::cmp::Reverse(*photos));
}

/// Photos from which a set is worth looking at where a library has no larger one.
const FEW: usize = 3;

/// The fewest photos to demand where every group has too few, and how many facesets that makes: that of the
/// smallest group that is worth looking at, else of the largest. `thin` has the most first.
pub fn fewest(thin: &[usize]) -> Option<(usize, usize)> {
    let worth = thin.iter().filter(|photos| **photos >= FEW).min();
    let min_faces = *worth.or_else(|| thin.first())?;
    Some((min_faces, thin.iter().filter(|photos| **photos >= min_faces).count()))
}

/// The faces of `group` that are within `threshold` of its centroid; the others go to `dropped`.
pub fn within_centroid(
    gallery: &Gallery,
    group: Vec<usize>,
    threshold: CosineDistance,
    dropped: &mut Vec<Drop>,
) -> Vec<usize> {
    if group.is_empty() {
        return group;
    }
    let centroid = centroid(&gallery.embeddings, &group);
    within(gallery, group, &centroid, threshold, dropped)
}

/// The faces of `group` that are within `threshold` of `centre`, a unit vector; the others go to `dropped`.
pub fn within(
    gallery: &Gallery,
    group: Vec<usize>,
    centre: &Array1<f32>,
    threshold: CosineDistance,
    dropped: &mut Vec<Drop>,
) -> Vec<usize> {
    let max = threshold.get();
    keep(group, dropped, |face| {
        let distance = 1.0 - gallery.embedding(face).dot(centre);
        (distance > max).then_some(DropReason::Outlier { distance, max })
    })
}

/// Splits `faces` into those without a reason to go, which are returned, and the others.
pub fn keep(
    faces: Vec<usize>,
    dropped: &mut Vec<Drop>,
    reason: impl Fn(usize) -> Option<DropReason>,
) -> Vec<usize> {
    faces
        .into_iter()
        .filter(|&face| match reason(face) {
            Some(reason) => {
                dropped.push(Drop { face, reason });
                false
            }
            None => true,
        })
        .collect()
}

/// The faces that do not lie; the others go to `dropped`, with the first gate that they do not pass.
///
/// Their embeddings say little of who they are, so this goes before everything that compares faces.
pub fn without_lying(
    gallery: &Gallery,
    faces: Vec<usize>,
    gates: &Gates,
    dropped: &mut Vec<Drop>,
) -> Vec<usize> {
    keep(faces, dropped, |face| {
        on_its_side(gallery, face, gates.max_roll).and_then(|_| gate(gallery, face, gates))
    })
}

/// The first gate that a face does not pass. Whether it lies comes last: the points of what is hardly a face
/// say nothing of that.
pub fn gate(gallery: &Gallery, row: usize, gates: &Gates) -> Option<DropReason> {
    let Gates { min_short, min_blur, min_det_score, max_roll } = *gates;
    let face = &gallery.faces[row];
    let short = face.bbox.short_side();
    if short < min_short {
        Some(DropReason::ShortSide { pixels: short, min: min_short })
    } else if face.blur < min_blur {
        Some(DropReason::Blur { blur: face.blur, min: min_blur })
    } else if face.det_score < min_det_score.get() {
        Some(DropReason::DetScore { det_score: face.det_score, min: min_det_score.get() })
    } else {
        on_its_side(gallery, row, max_roll)
    }
}

fn without_outliers(
    gallery: &Gallery,
    group: Vec<usize>,
    parameters: &RefineParameters,
    dropped: &mut Vec<Drop>,
) -> Vec<usize> {
    if group.len() < MIN_FACES_FOR_OUTLIERS {
        return group;
    }
    within_centroid(gallery, group, parameters.outlier_threshold, dropped)
}

/// In how many distinct photos some faces are.
pub fn distinct_images(gallery: &Gallery, faces: &[usize]) -> usize {
    faces.iter().map(|face| gallery.faces[*face].content).collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests;
