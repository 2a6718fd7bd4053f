//! The definition, step by step.

use ndarray::Array2;

use super::distance;
use crate::cluster::{Clusters, Constraints, Linkage};

/// A run of the definition.
pub(super) struct Naive {
    pub(super) clusters: Clusters,
    /// How near the run came to another result: the least difference between the best distance and any other,
    /// or the cut.
    pub(super) margin: f64,
}

/// Merges the first two clusters in the documented order while they are within the threshold. O(n³) and more.
pub(super) fn naive(matrix: &Array2<f32>, linkage: Linkage, threshold: f32, ranks: &[usize]) -> Naive {
    constrained(matrix, linkage, threshold, ranks, &Constraints::default())
}

/// As [`naive`], beginning with what belongs together, and never merging what does not.
pub(super) fn constrained(
    matrix: &Array2<f32>,
    linkage: Linkage,
    threshold: f32,
    ranks: &[usize],
    constraints: &Constraints,
) -> Naive {
    let threshold = f64::from(threshold);
    let mut groups: Vec<Vec<usize>> = (0..matrix.nrows()).map(|row| vec![row]).collect();
    for (a, b) in &constraints.together {
        let place = |row: &usize| groups.iter().position(|group| group.contains(row)).unwrap();
        let (i, j) = (place(a).min(place(b)), place(a).max(place(b)));
        if i < j {
            let taken = groups.remove(j);
            groups[i].extend(taken);
        }
    }
    let apart = |a: &[usize], b: &[usize]| {
        let between =
            |(x, y): &(usize, usize)| a.contains(x) && b.contains(y) || a.contains(y) && b.contains(x);
        constraints.apart.iter().any(between)
    };
    let mut margin = f64::INFINITY;
    loop {
        let rank = |group: &[usize]| group.iter().map(|row| ranks[*row]).min();
        let mut pairs = Vec::new();
        for i in 0..groups.len() {
            for j in i + 1..groups.len() {
                let forbidden = apart(&groups[i], &groups[j]);
                let d = if forbidden {
                    f64::INFINITY
                } else {
                    group_distance(matrix, linkage, &groups[i], &groups[j])
                };
                let (x, y) = (rank(&groups[i]), rank(&groups[j]));
                pairs.push((d, x.min(y), x.max(y), i, j));
            }
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        if let [first, second, ..] = pairs.as_slice() {
            margin = margin.min(second.0 - first.0);
        }
        let Some(&(d, _, _, i, j)) = pairs.first() else { break };
        margin = margin.min((d - threshold).abs());
        if d > threshold {
            break;
        }
        let taken = groups.remove(j);
        groups[i].extend(taken);
    }
    let mut labels = vec![0; matrix.nrows()];
    for (label, group) in groups.iter().enumerate() {
        for row in group {
            labels[*row] = label;
        }
    }
    Naive { clusters: Clusters::from_labels(&labels), margin }
}

/// Mean or largest distance between the members of two groups. One division by both sizes: where the products
/// are exact, so are ties.
fn group_distance(matrix: &Array2<f32>, linkage: Linkage, a: &[usize], b: &[usize]) -> f64 {
    let pairs = a.iter().flat_map(|a| b.iter().map(|b| distance(matrix, *a, *b)));
    match linkage {
        Linkage::Average => {
            let products: f64 = pairs.map(|d| 1.0 - d).sum();
            1.0 - products / (a.len() * b.len()) as f64
        }
        Linkage::Complete => pairs.fold(f64::NEG_INFINITY, f64::max),
    }
}
