//! Agglomerative clustering of unit embeddings, cut at a cosine distance.
//!
//! [`cut`] is the one entrance: which engine does the work is decided behind it. Everything in here is a pure function of a
//! matrix; faces, files and manifests are unknown.

mod centroid;
mod clusters;
mod dense;

pub use centroid::{centroid, centroids};
pub use clusters::Clusters;
pub use dense::{MAX_ROWS, TooManyRows};

use ndarray::ArrayRef2;

use crate::threshold::CosineDistance;

/// How the distance of two clusters follows from those of their members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linkage {
    /// The mean over all pairs (UPGMA): the linkage for faces.
    Average,
    /// The largest of all pairs: no pair within a cluster is farther apart than the cut. Single linkage chains people together.
    Complete,
}

/// Clusters the rows of `embeddings` (n × d, unit vectors) and cuts the dendrogram at `threshold`: clusters at a distance ≤ it are
/// merged (as `SciPy`'s `fcluster`; scikit-learn stops at equality).
///
/// O(n²) time and memory for now; see [`MAX_ROWS`].
pub fn cut(
    embeddings: &ArrayRef2<f32>,
    linkage: Linkage,
    threshold: CosineDistance,
) -> Result<Clusters, TooManyRows> {
    dense::cut(embeddings, linkage, threshold)
}
