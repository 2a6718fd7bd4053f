//! What a clustering will need, before it starts.

use super::{Engine, Linkage, complete::MAX_PAIRS};

/// Most bytes that a clustering of `rows` embeddings with `dims` values needs on top of their matrix.
///
/// The sparse engine's average linkage: n·d for packed vectors, n/2 sums of d f64 (when everything has paired
/// up at once), 16 known neighbours of 16 bytes (unions too), and 250 bytes of bookkeeping a row. Libraries
/// with many strangers need about half. Its complete linkage: n·d and 50 bytes for each of at most
/// [`MAX_PAIRS`] pairs. The dense engine: n²/2 distances of 8 bytes.
pub fn memory_estimate(rows: usize, dims: usize, linkage: Linkage, engine: Engine) -> u64 {
    let (n, d) = (rows as u64, dims as u64);
    let pairs = n.saturating_mul(n.saturating_sub(1)) / 2;
    let packed = n.saturating_mul(d);
    match (engine, linkage) {
        (Engine::Dense, _) => pairs.saturating_mul(8).saturating_add(n.saturating_mul(100)),
        (Engine::Auto | Engine::Sparse, Linkage::Average) => {
            packed.saturating_mul(1 + 8 / 2).saturating_add(n.saturating_mul(2 * 16 * 16 + 250))
        }
        (Engine::Auto | Engine::Sparse, Linkage::Complete) => packed
            .saturating_add(pairs.min(MAX_PAIRS as u64).saturating_mul(50))
            .saturating_add(n.saturating_mul(100)),
    }
}

/// Bytes that [`super::pairs_within`] needs on top of the matrix: n·d for packed vectors.
pub fn memory_of_pairs(rows: usize, dims: usize) -> u64 {
    (rows as u64).saturating_mul(dims as u64 + 8)
}
