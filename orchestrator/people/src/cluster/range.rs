//! All pairs of points within a distance, without a matrix.

use ndarray::ArrayRef2;
use rayon::prelude::*;

use super::{
    ClusterError,
    kernel::Kernel,
    pack::{RowBlock, STRIP, Strip},
    points::Points,
    watch::{Stage, Watch, check},
};
use crate::threshold::CosineDistance;

/// Rows that are compared with a strip at a time: with 512 values 96 kB, which stays in a second-level cache
/// while all strips pass by. A multiple of every kernel's tile.
pub(super) const BLOCK: usize = 192;

/// Takes the pairs that [`search`] finds; called from several threads in no particular order.
pub(super) trait PairSink: Sync {
    /// The least scalar product of a pair that is still of use to `point`. May rise while the search goes on,
    /// and must never hide a pair that the final result needs: a pair is found if it is of use to either of
    /// its points.
    fn floor(&self, point: usize) -> f32;

    /// A pair a < b with its distance, possibly beyond what is of use.
    fn found(&self, a: usize, b: usize, distance: f64);

    /// Whether further pairs are of no use, so that the search may end.
    fn is_full(&self) -> bool {
        false
    }
}

/// Shows `found` every pair of rows a < b of `embeddings` (n × d, unit vectors) at a distance ≤ `threshold`,
/// with that distance: from several threads, in no particular order. O(n²·d) time, n·d bytes however many
/// pairs there are.
///
/// # Errors
/// A row that is not a unit vector, no columns, and [`ClusterError::Cancelled`].
pub fn pairs_within(
    embeddings: &ArrayRef2<f32>,
    threshold: CosineDistance,
    watch: &dyn Watch,
    found: impl Fn(usize, usize, f64) + Sync,
) -> Result<(), ClusterError> {
    let points = Points::new(embeddings, None)?;
    let sink = Within { threshold: f64::from(threshold.get()), found };
    search(&points, &pack(&points), Kernel::detected(), &sink, watch)
}

/// Takes all pairs within a distance.
struct Within<F> {
    threshold: f64,
    found: F,
}

impl<F: Fn(usize, usize, f64) + Sync> PairSink for Within<F> {
    fn floor(&self, _: usize) -> f32 {
        (1.0 - self.threshold) as f32
    }

    fn found(&self, a: usize, b: usize, distance: f64) {
        if distance <= self.threshold {
            (self.found)(a, b, distance);
        }
    }
}

/// Packs all points as columns. O(n·d), n·d bytes.
pub(super) fn pack(points: &Points<'_>) -> Vec<Strip> {
    let strip = |number: usize| {
        let mut strip = Strip::empty(points.dims());
        let mut quanta = Vec::new();
        let begin = number * STRIP;
        for point in begin..(begin + STRIP).min(points.len()) {
            strip.set(point - begin, points.vector(point), &mut quanta);
        }
        strip
    };
    (0..points.len().div_ceil(STRIP)).into_par_iter().map(strip).collect()
}

/// Shows `sink` every pair of points whose scalar product reaches the floor of either. `strips` are the
/// points, packed.
///
/// The upper triangle is gone through in blocks of rows, on the threads of the current rayon pool; whatever
/// passes the 8-bit screen gets its exact distance. O(n²·d) time; memory only for a block of rows a thread.
pub(super) fn search(
    points: &Points<'_>,
    strips: &[Strip],
    kernel: Kernel,
    sink: &impl PairSink,
    watch: &dyn Watch,
) -> Result<(), ClusterError> {
    let n = points.len();
    watch.begin(Stage::Search, n as u64);
    (0..n.div_ceil(BLOCK)).into_par_iter().with_max_len(1).try_for_each(|number| {
        check(watch)?;
        if sink.is_full() {
            return Ok(());
        }
        let begin = number * BLOCK;
        let rows = BLOCK.min(n - begin);
        let mut block = RowBlock::pack(kernel.row_shape(), rows, points.dims(), |row, vector| {
            vector.copy_from_slice(points.vector(begin + row));
        });
        let mut hits = vec![0; block.scale.len()];
        for (strip_number, strip) in strips.iter().enumerate().skip(begin / STRIP) {
            let first = strip_number * STRIP;
            for row in 0..rows {
                block.floor[row] = sink.floor(begin + row);
            }
            let mut floor = [f32::INFINITY; STRIP];
            for (column, floor) in floor.iter_mut().enumerate().take(n - first) {
                *floor = sink.floor(first + column);
            }
            kernel.screen(&block, strip, &floor, &mut hits);
            for (row, hits) in hits[..rows].iter().enumerate() {
                let a = begin + row;
                for column in bits(*hits) {
                    let b = first + column;
                    if a < b && b < n {
                        sink.found(a, b, 1.0 - kernel.dot(points.vector(a), points.vector(b)));
                    }
                }
            }
        }
        watch.advance(rows as u64);
        Ok(())
    })
}

/// Numbers of the bits that are set, ascending.
pub(super) fn bits(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (mask != 0).then(|| {
            let lowest = mask.trailing_zeros();
            mask &= mask - 1;
            lowest as usize
        })
    })
}
