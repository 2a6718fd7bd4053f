//! The dense engine: the whole condensed distance matrix through kodama. Exact, simple, and the reference for others.

use kodama::Method;
use ndarray::ArrayRef2;

use super::{Clusters, Linkage};
use crate::threshold::CosineDistance;

/// Most rows that the dense engine takes: their matrix has 3.6 GB (n²/2 values of 8 bytes).
pub const MAX_ROWS: usize = 30_000;

/// More rows than the matrix may have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0} faces are more than the dense clustering engine takes ({MAX_ROWS})")]
pub struct TooManyRows(pub usize);

pub(super) fn cut(
    embeddings: &ArrayRef2<f32>,
    linkage: Linkage,
    threshold: CosineDistance,
) -> Result<Clusters, TooManyRows> {
    let n = embeddings.nrows();
    if n > MAX_ROWS {
        return Err(TooManyRows(n));
    }
    let mut distances = condensed_distances(embeddings);
    let method = match linkage {
        Linkage::Average => Method::Average,
        Linkage::Complete => Method::Complete,
    };
    let dendrogram = kodama::linkage(&mut distances, n, method);

    // Rows are clusters 0..n, step i makes cluster n + i. A step above the cut joins nothing; for these linkages every later step
    // that contains it is above the cut too.
    let mut parent: Vec<usize> = (0..n + dendrogram.len()).collect();
    for (i, step) in dendrogram.steps().iter().enumerate() {
        if step.dissimilarity <= f64::from(threshold.get()) {
            parent[step.cluster1] = n + i;
            parent[step.cluster2] = n + i;
        }
    }
    let labels: Vec<usize> = (0..n).map(|row| root(&parent, row)).collect();
    Ok(Clusters::from_labels(&labels))
}

/// Distances of all pairs (0,1), (0,2), …, (1,2), … as kodama wants them.
fn condensed_distances(embeddings: &ArrayRef2<f32>) -> Vec<f64> {
    let n = embeddings.nrows();
    let mut distances = Vec::with_capacity(n * n.saturating_sub(1) / 2);
    for a in 0..n {
        let row = embeddings.row(a);
        for b in a + 1..n {
            let dot: f64 =
                row.iter().zip(embeddings.row(b)).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
            distances.push((1.0 - dot).max(0.0));
        }
    }
    distances
}

fn root(parent: &[usize], mut node: usize) -> usize {
    while parent[node] != node {
        node = parent[node];
    }
    node
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    /// Random unit rows.
    fn unit_rows(max: usize) -> impl Strategy<Value = Array2<f32>> {
        prop::collection::vec(prop::array::uniform4(-1.0f32..1.0), 0..max).prop_map(|rows| {
            let mut matrix = Array2::zeros((rows.len(), 4));
            for (mut target, row) in matrix.rows_mut().into_iter().zip(&rows) {
                let length = row.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-3);
                target.assign(&ndarray::arr1(&row.map(|v| v / length)));
            }
            matrix
        })
    }

    fn distance(matrix: &Array2<f32>, a: usize, b: usize) -> f64 {
        let dot: f64 =
            matrix.row(a).iter().zip(matrix.row(b)).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
        (1.0 - dot).max(0.0)
    }

    /// The definition, step by step: merge the closest two clusters while they are within the threshold.
    fn naive(matrix: &Array2<f32>, linkage: Linkage, threshold: f32) -> Clusters {
        let mut groups: Vec<Vec<usize>> = (0..matrix.nrows()).map(|i| vec![i]).collect();
        loop {
            let mut best = (f64::INFINITY, 0, 0);
            for i in 0..groups.len() {
                for j in i + 1..groups.len() {
                    let pairs =
                        groups[i].iter().flat_map(|a| groups[j].iter().map(|b| distance(matrix, *a, *b)));
                    let d = match linkage {
                        Linkage::Average => pairs.sum::<f64>() / (groups[i].len() * groups[j].len()) as f64,
                        Linkage::Complete => pairs.fold(0.0, f64::max),
                    };
                    if d < best.0 {
                        best = (d, i, j);
                    }
                }
            }
            if best.0 > f64::from(threshold) {
                break;
            }
            let taken = groups.remove(best.2);
            groups[best.1].extend(taken);
        }
        let mut labels = vec![0; matrix.nrows()];
        for (label, group) in groups.iter().enumerate() {
            for row in group {
                labels[*row] = label;
            }
        }
        Clusters::from_labels(&labels)
    }

    proptest! {
        #[test]
        fn the_cut_is_what_the_definition_says(matrix in unit_rows(14), threshold in 0.05f32..1.5, average in any::<bool>()) {
            let linkage = if average { Linkage::Average } else { Linkage::Complete };
            let threshold = CosineDistance::literal(threshold);
            prop_assert_eq!(cut(&matrix, linkage, threshold).unwrap(), naive(&matrix, linkage, threshold.get()));
        }

        #[test]
        fn complete_linkage_never_puts_two_rows_together_that_are_farther_apart_than_the_cut(matrix in unit_rows(40), threshold in 0.05f32..1.5) {
            let clusters = cut(&matrix, Linkage::Complete, CosineDistance::literal(threshold)).unwrap();
            for group in clusters.members() {
                for (i, a) in group.iter().enumerate() {
                    for b in &group[i + 1..] {
                        prop_assert!(distance(&matrix, *a, *b) <= f64::from(threshold) + 1e-9);
                    }
                }
            }
        }
    }

    #[test]
    fn no_rows_one_row_and_equal_rows_are_fine() {
        let threshold = CosineDistance::literal(0.5);
        let rows = |n: usize| Array2::from_shape_fn((n, 3), |(_, j)| if j == 0 { 1.0 } else { 0.0 });
        for (n, count) in [(0, 0), (1, 1), (7, 1)] {
            assert_eq!(cut(&rows(n), Linkage::Average, threshold).unwrap().count(), count);
        }
    }
}
