//! Centroids of unit vectors.

use ndarray::{Array1, Array2, ArrayRef2, Axis};

/// The unit vector in the direction of the mean of some rows of `embeddings` (n × d); summed in f64 in the
/// order given.
///
/// Rows that cancel out have no direction: their centroid is the first row, at distance 1 or more from the
/// others. `rows` must not be empty.
pub fn centroid(embeddings: &ArrayRef2<f32>, rows: &[usize]) -> Array1<f32> {
    let mut sum = Array1::<f64>::zeros(embeddings.ncols());
    for row in rows {
        sum.zip_mut_with(&embeddings.row(*row), |total, value| *total += f64::from(*value));
    }
    let length = sum.dot(&sum).sqrt();
    // Far below the rounding of f32 sums: nothing but exact cancellation gets there.
    if length < 1e-9 {
        return embeddings.row(rows[0]).to_owned();
    }
    sum.mapv(|value| (value / length) as f32)
}

/// The centroids of several groups, one a row.
pub fn centroids(embeddings: &ArrayRef2<f32>, groups: &[Vec<usize>]) -> Array2<f32> {
    let mut matrix = Array2::zeros((groups.len(), embeddings.ncols()));
    for (mut row, group) in matrix.axis_iter_mut(Axis(0)).zip(groups) {
        row.assign(&centroid(embeddings, group));
    }
    matrix
}
