//! A set into eras: tight clusters that are large enough are anchors, the others are fragments that join one
//! of them or stand alone.

use std::collections::BTreeSet;

use facesets_people::{
    cluster::{ClusterError, centroid},
    gallery::Gallery,
    grouping::Grouping,
    refine::distinct_images,
    threshold::CosineDistance,
};
use serde::{Deserialize, Serialize};

use super::{
    anchors::{Anchors, Fit, JoinParameters},
    probe::{SubCluster, Verdict},
    years::{Years, dominant, label},
};

/// Every knob of the clustering.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SplitParameters {
    /// Cosine distance at which the average-linkage clustering of the set is cut.
    pub sub_threshold: CosineDistance,
    /// Fewest distinct photos of an era of its own; what has fewer goes to `_thin`.
    pub min_anchor: usize,
}

impl Default for SplitParameters {
    fn default() -> Self {
        Self { sub_threshold: CosineDistance::literal(0.35), min_anchor: 20 }
    }
}

/// Parses a count of at least 1.
pub fn parse_min_anchor(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "a number of at least 1 is needed".to_owned())
}

/// An era to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// `2011`, `2005-10`, `undated`, with `_2` and so on where another one is called so.
    pub label: String,
    /// The most frequent year of its founding members.
    pub dominant_year: Option<u16>,
    /// The cluster that it was made from (rows of the gallery, ascending): its centroid and years are those
    /// of these faces, for good.
    pub founding: Vec<usize>,
    /// Faces of fragments that joined, with the distance of their fragment's centroid; ascending.
    pub joined: Vec<(usize, f32)>,
}

/// What a set was split into. Every face is in exactly one bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// Eras, the largest first.
    pub anchors: Vec<Bucket>,
    /// Fragments that joined none of them, and why; the largest first.
    pub alone: Vec<(Bucket, Fit)>,
    /// Whether the clusters are worth it, as [`probe`](super::probe()) says of the same ones.
    pub verdict: Verdict,
}

/// The clusters of some faces (ascending rows), most photos first, then by first row.
pub(super) fn sub_clusters(
    gallery: &Gallery,
    faces: &[usize],
    threshold: CosineDistance,
    grouping: &Grouping<'_>,
) -> Result<Vec<Vec<usize>>, ClusterError> {
    let mut clusters = grouping.faces(gallery, faces, threshold)?;
    clusters.sort_by_key(|cluster| {
        (std::cmp::Reverse(distinct_images(gallery, cluster)), cluster.first().copied())
    });
    Ok(clusters)
}

/// Splits some faces (ascending rows) into eras.
///
/// A fragment joins the single nearest anchor if that is within the threshold and the dominant years of both
/// are within the window. It never brings another one with it: whatever joins counts for nothing in what an
/// anchor is. O(n²·d) in the clustering.
pub fn split(
    gallery: &Gallery,
    faces: &[usize],
    years: &Years,
    parameters: &SplitParameters,
    join: &JoinParameters,
    grouping: &Grouping<'_>,
) -> Result<Split, ClusterError> {
    let clusters = sub_clusters(gallery, faces, parameters.sub_threshold, grouping)?;
    let described: Vec<SubCluster> = clusters
        .iter()
        .map(|rows| SubCluster::new(gallery, rows.clone(), years, parameters.min_anchor))
        .collect();
    let verdict = Verdict::of(&described, parameters.min_anchor);
    let (founding, fragments): (Vec<_>, Vec<_>) =
        clusters.into_iter().partition(|cluster| distinct_images(gallery, cluster) >= parameters.min_anchor);
    let of_anchors: Vec<Vec<u16>> = founding.iter().map(|founding| years.among(founding)).collect();
    let anchors = Anchors::new(gallery, &founding, &of_anchors);

    let mut split = Split { anchors: Vec::new(), alone: Vec::new(), verdict };
    let mut taken = BTreeSet::new();
    let mut bucket = |founding: Vec<usize>| {
        let years = years.among(&founding);
        Bucket {
            label: free_label(&mut taken, label(&years)),
            dominant_year: dominant(&years),
            founding,
            joined: Vec::new(),
        }
    };
    split.anchors = founding.into_iter().map(&mut bucket).collect();
    for fragment in fragments {
        let year = dominant(&years.among(&fragment));
        match anchors.fit(&centroid(&gallery.embeddings, &fragment), year, join) {
            Fit::Joins { anchor, distance } => {
                split.anchors[anchor].joined.extend(fragment.into_iter().map(|face| (face, distance)));
            }
            reason => split.alone.push((bucket(fragment), reason)),
        }
    }
    split.anchors.iter_mut().for_each(|anchor| anchor.joined.sort_by_key(|(face, _)| *face));
    Ok(split)
}

/// The label, or the first of `label_2`, `label_3`, … that is not taken; takes it.
pub(super) fn free_label(taken: &mut BTreeSet<String>, label: String) -> String {
    let numbered = (2..).map(|number| format!("{label}_{number}"));
    let free = std::iter::once(label.clone()).chain(numbered).find(|label| !taken.contains(label));
    let free = free.unwrap_or(label);
    taken.insert(free.clone());
    free
}
