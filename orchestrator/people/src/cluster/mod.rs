//! Agglomerative clustering of unit embeddings, cut at a cosine distance.
//!
//! [`cut`] and [`cut_with`] are the entrance: which engine does the work is decided behind it;
//! [`pairs_within`] finds pairs without clustering them. Everything in here is a pure function of a matrix;
//! faces, files and manifests are unknown.
//!
//! | file | what is in it |
//! |---|---|
//! | `points`, `dot` | validated rows in tie order; the one scalar product |
//! | `pack`, `kernel` | 8-bit copies with proven error bounds; the vector code that screens them |
//! | `range` | all pairs within a distance, without a matrix |
//! | `average`, `nearest`, `forest` | average linkage from sums and truncated neighbour lists |
//! | `complete` | complete linkage from the graph of pairs within the cut |
//! | `constraints` | what the user says of pairs: together, or never |
//! | `dense` | the matrix and kodama: the reference |

mod average;
mod centroid;
mod clusters;
mod complete;
mod constraints;
mod dense;
mod dot;
mod error;
mod forest;
mod kernel;
mod memory;
mod nearest;
mod pack;
mod points;
mod range;

impl Hint for ClusterError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::TooManyRows(rows) if *rows > MAX_ROWS => "use `--engine exact`".to_owned(),
            Self::TooManyPairs => "use a smaller `--merge-threshold`".to_owned(),
            Self::NotFinite { .. } | Self::NotUnit { .. } | Self::Dimensions(_) => {
                "run `facesets store verify` to see which faces are damaged".to_owned()
            }
            Self::Cancelled => "run the same command again".to_owned(),
            Self::NoConstraints => "use `--engine exact`".to_owned(),
            Self::Contradiction { .. } => "`facesets pin list` lists the pins".to_owned(),
            Self::TooManyRows(_) | Self::TieOrder { .. } => return None,
        })
    }

    fn exit(&self) -> Exit {
        if *self == Self::Cancelled { Exit::Interrupted } else { Exit::CannotContinue }
    }
}

#[cfg(test)]
mod tests;
mod watch;

use average::Kept;
use constraints::Rules;
use facesets_base::exit::{Exit, Hint};
use kernel::Kernel;
use ndarray::ArrayRef2;
use points::Points;

pub use centroid::{centroid, centroids};
pub use clusters::Clusters;
pub use complete::MAX_PAIRS;
pub use constraints::Constraints;
pub use dense::MAX_ROWS;
pub use error::ClusterError;
pub use memory::{memory_estimate, memory_of_pairs};
pub use range::pairs_within;
pub use watch::{Stage, Unwatched, Watch};

use crate::threshold::CosineDistance;

/// How the distance of two clusters follows from those of their members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linkage {
    /// The mean over all pairs (UPGMA): the linkage for faces.
    Average,
    /// The largest of all pairs: no pair within a cluster is farther apart than the cut. Single linkage
    /// chains people together.
    Complete,
}

/// How the clusters are computed. All engines give the same partition where no two distances are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// The sparse one.
    #[default]
    Auto,
    /// Without a matrix of distances: O(n·d) memory for average linkage, O(n·d + pairs within the cut) for
    /// complete linkage.
    Sparse,
    /// The whole matrix through kodama, at most [`MAX_ROWS`] rows, on one thread: the reference. It orders
    /// ties in its own way.
    Dense,
}

/// What to do with a matrix.
#[derive(Debug, Clone, Copy)]
pub struct Cut<'a> {
    /// Distance of clusters.
    pub linkage: Linkage,
    /// Clusters at this distance or nearer are merged.
    pub threshold: CosineDistance,
    /// Who computes.
    pub engine: Engine,
    /// The rank of each row among equals, a permutation of 0..n: by content and face, say, so that the order
    /// of files does not matter. Without it a row's rank is its number.
    pub tie_ranks: Option<&'a [usize]>,
    /// What is known of some rows. Rows that belong together are for average linkage only, and the dense
    /// engine takes no constraints.
    pub constraints: Option<&'a Constraints>,
}

impl Cut<'_> {
    /// With the engine that fits, and ties in the order of the rows.
    pub fn new(linkage: Linkage, threshold: CosineDistance) -> Self {
        Self { linkage, threshold, engine: Engine::Auto, tie_ranks: None, constraints: None }
    }
}

/// Clusters the rows of `embeddings` (n × d, unit vectors) and cuts the dendrogram at `threshold`: clusters
/// at a distance ≤ it are merged (as `SciPy`'s `fcluster`; scikit-learn stops at equality). On all threads of
/// the current rayon pool; unwatched.
///
/// O(n²·d) time; [`memory_estimate`] says how much memory.
///
/// # Errors
/// A row that is not a unit vector, no columns, or more pairs than complete linkage takes.
pub fn cut(
    embeddings: &ArrayRef2<f32>,
    linkage: Linkage,
    threshold: CosineDistance,
) -> Result<Clusters, ClusterError> {
    cut_with(embeddings, &Cut::new(linkage, threshold), &Unwatched)
}

/// As [`cut`], with everything said.
///
/// Rows that are equal bit by bit are at distance 0, whatever their length; then the nearest two clusters are
/// merged first. A distance is 1 − a scalar product, computed in f64 and in one order, never clamped; where
/// two pairs of clusters have equal distances, the one with the lower first rank comes first, then the one
/// with the lower second rank (a cluster's rank is the lowest of its rows'). The result depends on the matrix
/// and the ranks only: not on threads, not on the processor; and without ties not on the order of the rows.
///
/// # Errors
/// As [`cut`]; also ranks that are no permutation, constraints that contradict each other or that the engine
/// does not take, more rows than the dense engine takes, and [`ClusterError::Cancelled`].
pub fn cut_with(
    embeddings: &ArrayRef2<f32>,
    how: &Cut<'_>,
    watch: &dyn Watch,
) -> Result<Clusters, ClusterError> {
    cut_on(Kernel::detected(), Kept::default(), embeddings, how, watch)
}

fn cut_on(
    kernel: Kernel,
    kept: Kept,
    embeddings: &ArrayRef2<f32>,
    how: &Cut<'_>,
    watch: &dyn Watch,
) -> Result<Clusters, ClusterError> {
    let mut points = Points::new(embeddings, how.tie_ranks)?;
    if how.engine != Engine::Dense {
        let spoken_of = how.constraints.map(Constraints::rows).unwrap_or_default();
        points = points.folded(|row| spoken_of.contains(&row));
    }
    let threshold = f64::from(how.threshold.get());
    let rules = Rules::new(how.constraints, &points)?;
    let all_rules_fit =
        how.engine != Engine::Dense && (how.linkage == Linkage::Average || rules.together.is_empty());
    if how.constraints.is_some_and(|constraints| !constraints.is_empty()) && !all_rules_fit {
        return Err(ClusterError::NoConstraints);
    }
    let of_points = match how.engine {
        Engine::Dense => dense::cut(&points, how.linkage, threshold, watch),
        // On a thread of the pool from here on: else this one would hand over every small piece of work and
        // wait for it.
        Engine::Auto | Engine::Sparse => rayon::scope(|_| match how.linkage {
            Linkage::Average => average::cut(&points, rules, threshold, kernel, kept, watch),
            Linkage::Complete => complete::cut(&points, &rules, threshold, kernel, watch),
        }),
    }?;
    Ok(Clusters::from_labels(&points.to_rows(&of_points)))
}
