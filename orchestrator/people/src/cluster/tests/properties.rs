//! Small inputs: the definition and kodama.

use proptest::prelude::*;

use super::{cut_at, distance, linkage, naive::naive, unit_rows};
use crate::{
    cluster::{Cut, Engine, Kept, Linkage, Unwatched, cut_on, cut_with, kernel::Kernel},
    threshold::CosineDistance,
};

/// Differences that rounding may turn around.
const ROUNDING: f64 = 1e-9;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn both_engines_do_what_the_definition_says(matrix in unit_rows(14), threshold in 0.01f32..1.9, linkage in linkage()) {
        let ranks: Vec<usize> = (0..matrix.nrows()).collect();
        let expected = naive(&matrix, linkage, threshold, &ranks);
        prop_assume!(expected.margin > ROUNDING);
        for engine in [Engine::Sparse, Engine::Dense] {
            let how = Cut { engine, ..Cut::new(linkage, CosineDistance::literal(threshold)) };
            prop_assert_eq!(&cut_with(&matrix, &how, &Unwatched).unwrap(), &expected.clusters);
        }
    }

    #[test]
    fn the_sparse_engine_makes_the_partition_of_the_dense_one(matrix in unit_rows(90), threshold in 0.01f32..1.9, linkage in linkage()) {
        let how = Cut { engine: Engine::Dense, ..Cut::new(linkage, CosineDistance::literal(threshold)) };
        let dense = cut_with(&matrix, &how, &Unwatched).unwrap();
        prop_assert_eq!(cut_at(&matrix, linkage, threshold), dense);
    }
}

proptest! {
    #[test]
    fn however_few_neighbours_are_kept_the_partition_is_the_same(
        matrix in unit_rows(70), threshold in 0.01f32..1.9, points in 1usize..6, unions in 1usize..6,
    ) {
        let how = Cut::new(Linkage::Average, CosineDistance::literal(threshold));
        let few = cut_on(Kernel::PORTABLE, Kept { points, unions }, &matrix, &how, &Unwatched).unwrap();
        let dense = cut_with(&matrix, &Cut { engine: Engine::Dense, ..how }, &Unwatched).unwrap();
        prop_assert_eq!(few, dense);
    }
    #[test]
    fn complete_linkage_never_puts_two_rows_together_that_are_farther_apart_than_the_cut(
        matrix in unit_rows(60), threshold in 0.01f32..1.9,
    ) {
        for group in cut_at(&matrix, Linkage::Complete, threshold).members() {
            for (i, a) in group.iter().enumerate() {
                for b in &group[i + 1..] {
                    prop_assert!(distance(&matrix, *a, *b) <= f64::from(threshold) + ROUNDING);
                }
            }
        }
    }

    #[test]
    fn no_two_clusters_within_the_cut_are_left_apart(
        matrix in unit_rows(60), threshold in 0.01f32..1.9, linkage in linkage(),
    ) {
        let groups = cut_at(&matrix, linkage, threshold).members();
        for (i, a) in groups.iter().enumerate() {
            for b in &groups[i + 1..] {
                let pairs = a.iter().flat_map(|a| b.iter().map(|b| distance(&matrix, *a, *b)));
                let apart = match linkage {
                    Linkage::Average => pairs.sum::<f64>() / (a.len() * b.len()) as f64,
                    Linkage::Complete => pairs.fold(f64::NEG_INFINITY, f64::max),
                };
                prop_assert!(apart > f64::from(threshold) - ROUNDING);
            }
        }
    }
}
