//! Is a set worth splitting: how it scatters, what it falls into, and whether the pieces are of different
//! times.

use std::{collections::BTreeMap, fmt};

use facesets_people::{
    cluster::{ClusterError, centroid},
    gallery::Gallery,
    grouping::Grouping,
    refine::distinct_images,
    threshold::CosineDistance,
};
use serde::Serialize;

use super::{
    split::{SplitParameters, sub_clusters},
    years::{Years, dominant, span},
};

/// Width of the histogram's bins, as a cosine distance.
const BIN: f32 = 0.05;

/// Where the clustering is cut on trial.
const CUTS: [CosineDistance; 5] = [
    CosineDistance::literal(0.30),
    CosineDistance::literal(0.35),
    CosineDistance::literal(0.40),
    CosineDistance::literal(0.45),
    CosineDistance::literal(0.50),
];

/// Figures of a set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Probe {
    /// Faces that were looked at.
    pub faces: usize,
    /// Distinct photos that they are in.
    pub images: usize,
    /// Faces with a capture year.
    pub dated: usize,
    /// How many faces are at which distance from the centroid of all.
    pub histogram: Vec<Bin>,
    /// Sizes of sub-clusters at several cuts.
    pub cuts: Vec<CutSizes>,
    /// Sub-clusters at the cut of `era split`, most photos first.
    pub sub_clusters: Vec<SubCluster>,
    /// Part of the variance of years, in [0, 1], that lies between the sub-clusters that are large enough and
    /// not within them; `None` where fewer than two have years, or all years are the same.
    pub explained: Option<f64>,
    /// Whether it is worth it.
    pub verdict: Verdict,
}

/// A bin of a histogram of cosine distances.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Lower end, within.
    pub from: f32,
    /// Upper end, not within.
    pub to: f32,
    /// Faces.
    pub faces: usize,
}

/// What a set falls into at some cut.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CutSizes {
    /// The cut.
    pub threshold: CosineDistance,
    /// Sub-clusters that are large enough for an era.
    pub anchors: usize,
    /// Distinct photos of every sub-cluster, largest first.
    pub sizes: Vec<usize>,
}

/// A sub-cluster and its years.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SubCluster {
    /// Faces (rows of the gallery, ascending).
    #[serde(skip)]
    pub rows: Vec<usize>,
    /// Distinct photos.
    pub images: usize,
    /// Whether that is enough for an era.
    pub is_anchor: bool,
    /// Most frequent year.
    pub dominant_year: Option<u16>,
    /// First and last year without the outermost tenth at either end.
    pub span: Option<(u16, u16)>,
    /// Faces a year.
    pub years: BTreeMap<u16, usize>,
    /// Faces without one.
    pub undated: usize,
}

/// Whether a set can be sorted by era.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the figures; the variants say what they mean")]
pub enum Verdict {
    /// Some sub-clusters that are large enough are of times that do not overlap; these two lie farthest
    /// apart.
    Sortable { anchors: usize, earliest: (u16, u16), latest: (u16, u16) },
    /// Fewer than two sub-clusters are large enough.
    TooFewAnchors { anchors: usize, min_anchor: usize },
    /// Fewer than two of those have any year.
    TooFewYears { anchors: usize, dated_anchors: usize },
    /// The years of all of them overlap: what tells them apart is not age.
    YearsOverlap { anchors: usize },
}

/// How many of some faces are at which distance from the centroid of all; empty bins at the ends are left
/// out.
pub fn histogram(gallery: &Gallery, faces: &[usize]) -> Vec<Bin> {
    if faces.is_empty() {
        return Vec::new();
    }
    let centre = centroid(&gallery.embeddings, faces);
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for face in faces {
        // Rounding may bring a face that is the centroid a little below 0.
        let distance = (1.0 - gallery.embedding(*face).dot(&centre)).max(0.0);
        *counts.entry((distance / BIN) as usize).or_default() += 1;
    }
    let ends = counts.keys().next().zip(counts.keys().next_back());
    let bins = ends.map_or(0..0, |(first, last)| *first..last + 1);
    let bin = |at: usize| Bin {
        from: at as f32 * BIN,
        to: (at + 1) as f32 * BIN,
        faces: counts.get(&at).copied().unwrap_or_default(),
    };
    bins.map(bin).collect()
}

/// Looks at some faces (ascending rows) of one person. O(n²·d), once for each cut.
pub fn probe(
    gallery: &Gallery,
    faces: &[usize],
    years: &Years,
    parameters: &SplitParameters,
    grouping: &Grouping<'_>,
) -> Result<Probe, ClusterError> {
    let SplitParameters { sub_threshold, min_anchor } = *parameters;
    let cuts = CUTS
        .iter()
        .map(|&threshold| {
            let clusters = sub_clusters(gallery, faces, threshold, grouping)?;
            let sizes: Vec<usize> =
                clusters.iter().map(|cluster| distinct_images(gallery, cluster)).collect();
            let anchors = sizes.iter().filter(|size| **size >= min_anchor).count();
            Ok(CutSizes { threshold, anchors, sizes })
        })
        .collect::<Result<_, ClusterError>>()?;
    let sub_clusters: Vec<SubCluster> = sub_clusters(gallery, faces, sub_threshold, grouping)?
        .into_iter()
        .map(|rows| SubCluster::new(gallery, rows, years, min_anchor))
        .collect();
    Ok(Probe {
        faces: faces.len(),
        images: distinct_images(gallery, faces),
        dated: years.among(faces).len(),
        histogram: histogram(gallery, faces),
        cuts,
        explained: explained(&sub_clusters),
        verdict: Verdict::of(&sub_clusters, min_anchor),
        sub_clusters,
    })
}

impl SubCluster {
    pub(super) fn new(gallery: &Gallery, rows: Vec<usize>, years: &Years, min_anchor: usize) -> Self {
        let dated = years.among(&rows);
        let images = distinct_images(gallery, &rows);
        let mut counts = BTreeMap::new();
        for year in &dated {
            *counts.entry(*year).or_default() += 1;
        }
        Self {
            images,
            is_anchor: images >= min_anchor,
            dominant_year: dominant(&dated),
            span: span(&dated),
            years: counts,
            undated: rows.len() - dated.len(),
            rows,
        }
    }
}

/// Correlation ratio η² of years and anchors.
fn explained(sub_clusters: &[SubCluster]) -> Option<f64> {
    let groups: Vec<Vec<f64>> = sub_clusters
        .iter()
        .filter(|cluster| cluster.is_anchor && !cluster.years.is_empty())
        .map(|cluster| {
            let repeated = |(year, count): (&u16, &usize)| std::iter::repeat_n(f64::from(*year), *count);
            cluster.years.iter().flat_map(repeated).collect()
        })
        .collect();
    let mean = |years: &[f64]| years.iter().sum::<f64>() / years.len() as f64;
    let all: Vec<f64> = groups.concat();
    let total: f64 = all.iter().map(|year| (year - mean(&all)).powi(2)).sum();
    let between: f64 =
        groups.iter().map(|years| years.len() as f64 * (mean(years) - mean(&all)).powi(2)).sum();
    (groups.len() > 1 && total > 0.0).then(|| between / total)
}

impl Verdict {
    /// What some sub-clusters say.
    pub(super) fn of(sub_clusters: &[SubCluster], min_anchor: usize) -> Self {
        let anchors = sub_clusters.iter().filter(|cluster| cluster.is_anchor);
        let spans: Vec<(u16, u16)> = anchors.clone().filter_map(|cluster| cluster.span).collect();
        let anchors = anchors.count();
        if anchors < 2 {
            return Self::TooFewAnchors { anchors, min_anchor };
        }
        if spans.len() < 2 {
            return Self::TooFewYears { anchors, dated_anchors: spans.len() };
        }
        let earliest = spans.iter().min_by_key(|(_, last)| *last);
        let latest = spans.iter().max_by_key(|(first, _)| *first);
        match (earliest, latest) {
            (Some(earliest), Some(latest)) if earliest.1 < latest.0 => {
                Self::Sortable { anchors, earliest: *earliest, latest: *latest }
            }
            _ => Self::YearsOverlap { anchors },
        }
    }

    /// Whether it can.
    pub fn is_sortable(&self) -> bool {
        matches!(self, Self::Sortable { .. })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sortable { anchors, earliest, latest } => write!(
                f,
                "sortable: {anchors} sub-clusters are large enough, of times that differ ({}-{} and {}-{})",
                earliest.0, earliest.1, latest.0, latest.1
            ),
            Self::TooFewAnchors { anchors, min_anchor } => {
                write!(
                    f,
                    "not sortable: {anchors} sub-clusters have {min_anchor} photos or more, 2 are needed"
                )
            }
            Self::TooFewYears { anchors, dated_anchors } => write!(
                f,
                "not sortable: of {anchors} sub-clusters that are large enough, {dated_anchors} have years, 2 are needed"
            ),
            Self::YearsOverlap { anchors } => write!(
                f,
                "not sortable: {anchors} sub-clusters are large enough, but the years of all of them overlap"
            ),
        }
    }
}
