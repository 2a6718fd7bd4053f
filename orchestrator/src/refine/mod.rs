//! From a gallery to refined facesets: cluster, merge what was split, gate by quality, reject outliers, keep what is large enough.
//!
//! Pure functions of a [`Gallery`]; whatever is left out comes back as a [`Drop`] with its reason.

mod drops;

use std::collections::BTreeSet;

use ndarray::{ArrayRef2, Axis};
use serde::Serialize;

pub use drops::{Drop, DropReason, Gate};

use crate::{
    cluster::{self, Linkage, TooManyRows, centroid, centroids},
    gallery::Gallery,
    threshold::{CosineDistance, Fraction},
};

/// Clusters smaller than this have no centroid worth measuring outliers from.
const MIN_FACES_FOR_OUTLIERS: usize = 4;

/// Every knob of [`refine`], with the defaults that the system before this one had proven.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RefineParameters {
    /// Cut of the first, average-linkage clustering.
    pub initial_threshold: CosineDistance,
    /// Clusters whose centroids are all within this of each other (complete linkage) are one person.
    pub merge_threshold: CosineDistance,
    /// Least short side of a box in pixels.
    pub min_short: f32,
    /// Least variance of the Laplacian.
    pub min_blur: f32,
    /// Least detector confidence.
    pub min_det_score: Fraction,
    /// Farthest that a face may be from its cluster's centroid, where a cluster has at least 4 faces.
    pub outlier_threshold: CosineDistance,
    /// Fewest distinct photos of a faceset.
    pub min_faces: usize,
}

impl Default for RefineParameters {
    fn default() -> Self {
        Self {
            initial_threshold: CosineDistance::literal(0.55),
            merge_threshold: CosineDistance::literal(0.40),
            min_short: 90.0,
            min_blur: 40.0,
            min_det_score: Fraction::literal(0.6),
            outlier_threshold: CosineDistance::literal(0.55),
            min_faces: 15,
        }
    }
}

/// What [`refine`] made of a gallery. Every face is in exactly one group or one drop.
#[derive(Debug, Clone, PartialEq)]
pub struct Refined {
    /// Faces (rows of the gallery, ascending) of each faceset: most faces first, then by first canonical path.
    pub facesets: Vec<Vec<usize>>,
    /// What was left out, by face.
    pub dropped: Vec<Drop>,
}

/// Refines a gallery. O(n²) in the clustering; the rest is O(n).
pub fn refine(gallery: &Gallery, parameters: &RefineParameters) -> Result<Refined, TooManyRows> {
    let mut facesets = Vec::new();
    let mut dropped = Vec::new();
    for group in merged_clusters(&gallery.embeddings, parameters)? {
        let good = keep(group, &mut dropped, |face| gate(gallery, face, parameters));
        let close = without_outliers(gallery, good, parameters, &mut dropped);
        let images = distinct_images(gallery, &close);
        if images >= parameters.min_faces.max(1) {
            facesets.push(close);
        } else {
            let reason = DropReason::TooFewImages { images, min: parameters.min_faces };
            dropped.extend(close.into_iter().map(|face| Drop { face, reason }));
        }
    }
    order_by_size(&mut facesets);
    dropped.sort_by_key(|drop| drop.face);
    Ok(Refined { facesets, dropped })
}

/// Most faces first; of equal ones, the one whose first face comes first in the gallery's order (canonical path).
pub fn order_by_size(groups: &mut [Vec<usize>]) {
    groups.sort_by_key(|group| (std::cmp::Reverse(group.len()), group.first().copied()));
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
    keep(group, dropped, |face| {
        let distance = 1.0 - gallery.embedding(face).dot(&centroid);
        (distance > threshold.get()).then_some(DropReason::Outlier { distance, max: threshold.get() })
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

fn merged_clusters(
    embeddings: &ArrayRef2<f32>,
    parameters: &RefineParameters,
) -> Result<Vec<Vec<usize>>, TooManyRows> {
    let clusters = cluster::cut(embeddings, Linkage::Average, parameters.initial_threshold)?.members();
    let centroids = centroids(embeddings, &clusters);
    debug_assert_eq!(centroids.len_of(Axis(0)), clusters.len());
    // Complete linkage: a chain of similar centroids must not pull different people together.
    let merged = cluster::cut(&centroids, Linkage::Complete, parameters.merge_threshold)?;
    Ok(merged
        .members()
        .into_iter()
        .map(|parts| {
            let mut faces: Vec<usize> = parts.into_iter().flat_map(|part| clusters[part].clone()).collect();
            faces.sort_unstable();
            faces
        })
        .collect())
}

/// The first gate that a face does not pass.
fn gate(gallery: &Gallery, face: usize, parameters: &RefineParameters) -> Option<DropReason> {
    let RefineParameters { min_short, min_blur, min_det_score, .. } = *parameters;
    let face = &gallery.faces[face];
    let short = face.bbox.short_side();
    if short < min_short {
        Some(DropReason::ShortSide { pixels: short, min: min_short })
    } else if face.blur < min_blur {
        Some(DropReason::Blur { blur: face.blur, min: min_blur })
    } else if face.det_score < min_det_score.get() {
        Some(DropReason::DetScore { det_score: face.det_score, min: min_det_score.get() })
    } else {
        None
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

fn distinct_images(gallery: &Gallery, faces: &[usize]) -> usize {
    faces.iter().map(|face| gallery.faces[*face].content).collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests;
