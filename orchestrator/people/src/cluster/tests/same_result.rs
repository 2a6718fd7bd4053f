//! What must not change the result: threads, kernels, the order of the rows.

use proptest::prelude::*;

use super::{LINKAGES, cut_at, household::Household, linkage, unit_rows};
use crate::{
    cluster::{Clusters, Cut, Engine, Kept, Unwatched, cut_on, cut_with, kernel::Kernel},
    threshold::CosineDistance,
};

/// Large enough for several blocks of rows, full neighbour lists, and rescans.
const LIBRARY: Household = Household { rows: 1500, dims: 64, seed: 7, copies: 0 };

#[test]
fn one_two_and_eight_threads_make_the_same_partition() {
    let embeddings = LIBRARY.embeddings();
    for linkage in LINKAGES {
        for threshold in [0.3, 0.55] {
            let on = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| cut_at(&embeddings, linkage, threshold))
            };
            let one = on(1);
            assert!(one.count() > 10 && one.count() < LIBRARY.rows);
            assert_eq!(one, on(2));
            assert_eq!(one, on(8));
        }
    }
}

#[test]
fn every_kernel_makes_the_partition_of_the_reference_engine() {
    let embeddings = LIBRARY.embeddings();
    for linkage in LINKAGES {
        for threshold in [0.3, 0.45, 0.55, 0.7] {
            let how = Cut::new(linkage, CosineDistance::literal(threshold));
            let dense = cut_with(&embeddings, &Cut { engine: Engine::Dense, ..how }, &Unwatched).unwrap();
            for kernel in Kernel::available() {
                let sparse = cut_on(kernel, Kept::default(), &embeddings, &how, &Unwatched).unwrap();
                assert_eq!(sparse, dense, "{kernel:?} {linkage:?} {threshold}");
            }
        }
    }
}

#[test]
fn a_view_that_is_not_contiguous_gives_the_same_partition() {
    let embeddings = LIBRARY.embeddings();
    let columns_first = embeddings.t().as_standard_layout().into_owned();
    for linkage in LINKAGES {
        let how = Cut::new(linkage, CosineDistance::literal(0.5));
        let got = cut_with(&columns_first.t(), &how, &Unwatched).unwrap();
        assert_eq!(got, cut_at(&embeddings, linkage, 0.5));
    }
}

proptest! {
    #[test]
    fn without_ties_the_order_of_the_rows_only_renames_clusters(
        (matrix, order) in unit_rows(80).prop_flat_map(|matrix| {
            let order: Vec<usize> = (0..matrix.nrows()).collect();
            (Just(matrix), Just(order).prop_shuffle())
        }),
        threshold in 0.05f32..1.5,
        linkage in linkage(),
    ) {
        let moved = cut_at(&matrix.select(ndarray::Axis(0), &order), linkage, threshold);
        let mut back = vec![0; order.len()];
        order.iter().zip(moved.labels()).for_each(|(row, label)| back[*row] = *label);
        prop_assert_eq!(Clusters::from_labels(&back), cut_at(&matrix, linkage, threshold));
    }
}
