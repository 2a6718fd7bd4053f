//! Both linkages against their definition, the reference engine and the reference libraries.

mod constraints;
mod household;
mod input;
mod library_references;
mod masses;
mod naive;
mod properties;
mod same_result;
mod screen;
mod ties;
mod watching;

use ndarray::Array2;
use proptest::prelude::*;

use super::{Clusters, Cut, Linkage, Unwatched, cut_with};
use crate::threshold::CosineDistance;

const LINKAGES: [Linkage; 2] = [Linkage::Average, Linkage::Complete];

fn linkage() -> impl Strategy<Value = Linkage> {
    prop::sample::select(LINKAGES.to_vec())
}

/// Rows scaled to length 1.
fn unit(rows: &[Vec<f32>], dims: usize) -> Array2<f32> {
    let mut matrix = Array2::zeros((rows.len(), dims));
    for (mut target, row) in matrix.rows_mut().into_iter().zip(rows) {
        let length = row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        target.iter_mut().zip(row).for_each(|(target, v)| *target = (f64::from(*v) / length) as f32);
    }
    matrix
}

/// Random unit rows, no two the same.
fn unit_rows(max: usize) -> impl Strategy<Value = Array2<f32>> {
    (1usize..20).prop_flat_map(move |dims| {
        let row = prop::collection::vec((0.01f32..1.0, any::<bool>()), dims + 1);
        prop::collection::vec(row, 0..max).prop_map(move |rows| {
            let signed = |(v, negative): &(f32, bool)| if *negative { -v } else { *v };
            let rows: Vec<Vec<f32>> = rows.iter().map(|row| row.iter().map(signed).collect()).collect();
            unit(&rows, dims + 1)
        })
    })
}

fn cut_at(matrix: &Array2<f32>, linkage: Linkage, threshold: f32) -> Clusters {
    cut_with(matrix, &Cut::new(linkage, CosineDistance::literal(threshold)), &Unwatched).unwrap()
}

/// The distance of two rows.
fn distance(matrix: &Array2<f32>, a: usize, b: usize) -> f64 {
    let (a, b) = (matrix.row(a), matrix.row(b));
    1.0 - a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>()
}
