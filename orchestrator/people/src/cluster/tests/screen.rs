//! The 8-bit screen and the scalar products of all kernels.

use ndarray::Array2;
use proptest::prelude::*;

use super::{distance, household::Household};
use crate::cluster::{
    dot::lanes,
    kernel::Kernel,
    pack::{RowBlock, STRIP, Strip},
};

/// Rows as a block and the first of them as a strip, and which pairs a kernel lets pass at a floor.
fn screened(kernel: Kernel, rows: &Array2<f32>, floor: f32) -> Vec<u32> {
    let dims = rows.ncols();
    let mut strip = Strip::empty(dims);
    for (column, row) in rows.rows().into_iter().enumerate().take(STRIP) {
        strip.set(column, &row.to_vec(), &mut Vec::new());
    }
    let mut block = RowBlock::pack(kernel.row_shape(), rows.nrows(), dims, |row, out| {
        out.copy_from_slice(&rows.row(row).to_vec());
    });
    block.floor.fill(floor);
    let mut hits = vec![0; block.scale.len()];
    kernel.screen(&block, &strip, &[f32::INFINITY; STRIP], &mut hits);
    hits.truncate(rows.nrows());
    hits
}

fn rows(max_dims: usize) -> impl Strategy<Value = Array2<f32>> {
    (1..max_dims, 1usize..45, 0u64..1 << 40).prop_map(|(dims, rows, seed)| {
        Household { rows: rows + 1, dims: dims + 1, seed, copies: 0 }.embeddings()
    })
}

proptest! {
    #[test]
    fn no_kernel_ever_misses_a_pair_that_reaches_the_floor(rows in rows(300), floor in -0.5f32..1.0) {
        for kernel in Kernel::available() {
            for (a, hits) in screened(kernel, &rows, floor).into_iter().enumerate() {
                for b in 0..STRIP {
                    let hit = hits >> b & 1 == 1;
                    if b >= rows.nrows() {
                        prop_assert!(!hit, "{:?} found a row that is not there", kernel);
                    } else if 1.0 - distance(&rows, a, b) >= f64::from(floor) {
                        prop_assert!(hit, "{:?} missed {} and {}", kernel, a, b);
                    }
                }
            }
        }
    }

    #[test]
    fn kernels_with_the_same_levels_let_the_same_pairs_pass(rows in rows(300), floor in -0.5f32..1.0) {
        let levels = Kernel::PORTABLE.row_shape().levels;
        let expected = screened(Kernel::PORTABLE, &rows, floor);
        for kernel in Kernel::available().into_iter().filter(|kernel| kernel.row_shape().levels == levels) {
            prop_assert_eq!(screened(kernel, &rows, floor), expected.clone(), "{:?}", kernel);
        }
    }

    #[test]
    fn scalar_products_are_the_same_bits_from_every_kernel_and_either_side(
        pairs in prop::collection::vec((-1.0f32..1.0, -1e9f64..1e9), 0..200),
    ) {
        let (a, b): (Vec<f32>, Vec<f64>) = pairs.into_iter().unzip();
        let expected = lanes(&a, &b).to_bits();
        for kernel in Kernel::available() {
            prop_assert_eq!(kernel.dot(&a, &b).to_bits(), expected);
            prop_assert_eq!(kernel.dot(&b, &a).to_bits(), expected);
        }
    }
}

#[test]
fn the_screen_lets_few_pairs_pass_that_are_not_wanted() {
    let rows = Household { rows: 600, dims: 512, seed: 3, copies: 0 }.embeddings();
    for kernel in Kernel::available() {
        let wrong = screened(kernel, &rows, 0.45)
            .into_iter()
            .enumerate()
            .flat_map(|(a, hits)| (0..STRIP).filter(move |b| hits >> b & 1 == 1).map(move |b| (a, b)))
            .filter(|(a, b)| 1.0 - distance(&rows, *a, *b) < 0.40)
            .count();
        assert_eq!(wrong, 0, "{kernel:?}");
    }
}

#[test]
fn extreme_values_do_not_overflow_the_screen() {
    // One value holds the whole length, or all are equally large: the largest sums of products there are.
    for dims in [1, 7, 8, 64, 512, 2048] {
        let flat = 1.0 / (dims as f32).sqrt();
        let rows = Array2::from_shape_fn((4, dims), |(row, i)| match row {
            0 => flat,
            1 => -flat,
            2 if i == 0 => 1.0,
            3 if i == dims - 1 => -1.0,
            _ => 0.0,
        });
        for kernel in Kernel::available() {
            for (a, hits) in screened(kernel, &rows, 0.5).into_iter().enumerate() {
                for b in 0..4 {
                    let expected = 1.0 - distance(&rows, a, b) >= 0.5;
                    assert_eq!(hits >> b & 1 == 1, expected, "{kernel:?} {dims}: {a} and {b}");
                }
            }
        }
    }
}
