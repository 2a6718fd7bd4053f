//! The dense engine: the whole condensed distance matrix through kodama. Exact, simple, and the reference for
//! the other.

use kodama::Method;

use super::{
    ClusterError, Linkage,
    dot::lanes,
    points::Points,
    watch::{Stage, Watch, check},
};

/// Most rows that the dense engine takes: their matrix has 3.6 GB (n²/2 values of 8 bytes).
pub const MAX_ROWS: usize = 30_000;

/// The cluster of each point, under any number. O(n²·d) time, O(n²) memory, one thread. Can be stopped only
/// before the merging.
pub(super) fn cut(
    points: &Points<'_>,
    linkage: Linkage,
    threshold: f64,
    watch: &dyn Watch,
) -> Result<Vec<usize>, ClusterError> {
    let n = points.len();
    if n > MAX_ROWS {
        return Err(ClusterError::TooManyRows(n));
    }
    let mut distances = condensed_distances(points, watch)?;
    let method = match linkage {
        Linkage::Average => Method::Average,
        Linkage::Complete => Method::Complete,
    };
    watch.begin(Stage::Merge, n as u64);
    let dendrogram = kodama::linkage(&mut distances, n, method);
    watch.advance(n as u64);

    // Points are clusters 0..n, step i makes cluster n + i. A step above the cut joins nothing; for these
    // linkages every later step that contains it is above the cut too.
    let mut parent: Vec<usize> = (0..n + dendrogram.len()).collect();
    for (i, step) in dendrogram.steps().iter().enumerate() {
        if step.dissimilarity <= threshold {
            parent[step.cluster1] = n + i;
            parent[step.cluster2] = n + i;
        }
    }
    Ok((0..n).map(|point| root(&parent, point)).collect())
}

/// Distances of all pairs (0,1), (0,2), …, (1,2), … as kodama wants them.
fn condensed_distances(points: &Points<'_>, watch: &dyn Watch) -> Result<Vec<f64>, ClusterError> {
    let n = points.len();
    watch.begin(Stage::Search, n as u64);
    let mut distances = Vec::with_capacity(n * n.saturating_sub(1) / 2);
    for a in 0..n {
        check(watch)?;
        let vector = points.vector(a);
        distances.extend((a + 1..n).map(|b| 1.0 - lanes(vector, points.vector(b))));
        watch.advance(1);
    }
    Ok(distances)
}

fn root(parent: &[usize], mut node: usize) -> usize {
    while parent[node] != node {
        node = parent[node];
    }
    node
}
