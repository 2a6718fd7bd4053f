//! Few distinct vectors, so that many distances are equal.

use ndarray::Array2;
use proptest::prelude::*;

use super::{
    constraints::pairs,
    linkage,
    naive::{constrained, naive},
    unit,
};
use crate::{
    cluster::{
        ClusterError, Clusters, Constraints, Cut, Kept, Linkage, Unwatched, cut_on, cut_with, kernel::Kernel,
    },
    threshold::CosineDistance,
};

/// Rows with values of ±½ and 0, of length 1 and exact in every sum and product, and a rank for each.
fn rows_and_ranks(max: usize) -> impl Strategy<Value = (Array2<f32>, Vec<usize>)> {
    let row = prop::collection::vec((0usize..7, any::<bool>()), 4).prop_map(|places| {
        let mut row = vec![0.0f32; 7];
        for (place, negative) in places {
            // The next free place.
            let free = (place..place + 7).map(|p| p % 7).find(|p| row[*p] == 0.0).unwrap();
            row[free] = if negative { -0.5 } else { 0.5 };
        }
        row
    });
    prop::collection::vec(row, 1..7).prop_flat_map(move |kinds| {
        prop::collection::vec(prop::sample::select(kinds), 0..max).prop_flat_map(|rows| {
            let ranks: Vec<usize> = (0..rows.len()).collect();
            (Just(unit(&rows, 7)), Just(ranks).prop_shuffle())
        })
    })
}

fn ranked(matrix: &Array2<f32>, linkage: Linkage, threshold: f32, ranks: &[usize]) -> Clusters {
    let how = Cut { tie_ranks: Some(ranks), ..Cut::new(linkage, CosineDistance::literal(threshold)) };
    cut_with(matrix, &how, &Unwatched).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn ties_are_merged_in_the_documented_order(
        (matrix, ranks) in rows_and_ranks(16),
        threshold in prop::sample::select(vec![0.0f32, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0, 1.25]),
        linkage in linkage(),
    ) {
        let expected = naive(&matrix, linkage, threshold, &ranks).clusters;
        prop_assert_eq!(ranked(&matrix, linkage, threshold, &ranks), expected.clone());
        let how = Cut { tie_ranks: Some(&ranks), ..Cut::new(linkage, CosineDistance::literal(threshold)) };
        for kept in 1..4 {
            let kept = Kept { points: kept, unions: kept };
            let few = cut_on(Kernel::PORTABLE, kept, &matrix, &how, &Unwatched).unwrap();
            prop_assert_eq!(few, expected.clone());
        }
    }

    /// Equal rows of which the one is spoken of and the other is not, and those that were made one point.
    #[test]
    fn what_is_said_of_some_of_many_equal_rows_leaves_the_others_in_the_documented_order(
        (matrix, ranks) in rows_and_ranks(24),
        threshold in prop::sample::select(vec![0.0f32, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0, 1.25]),
        together in prop::collection::vec((0usize..100, 0usize..100), 0..3),
        apart in prop::collection::vec((0usize..100, 0usize..100), 0..6),
        kept in 1usize..5,
    ) {
        let rows = matrix.nrows();
        let constraints = Constraints { together: pairs(&together, rows), apart: pairs(&apart, rows) };
        let how = Cut {
            tie_ranks: Some(&ranks),
            constraints: Some(&constraints),
            ..Cut::new(Linkage::Average, CosineDistance::literal(threshold))
        };
        let kept = Kept { points: kept, unions: kept };
        let got = cut_on(Kernel::PORTABLE, kept, &matrix, &how, &Unwatched);
        prop_assume!(!matches!(got, Err(ClusterError::Contradiction { .. })));
        let expected = constrained(&matrix, Linkage::Average, threshold, &ranks, &constraints);
        prop_assert_eq!(got.unwrap(), expected.clusters);
    }

    #[test]
    fn with_ranks_by_content_the_order_of_the_rows_does_not_matter(
        (matrix, ranks) in rows_and_ranks(40), threshold in 0.1f32..1.3, linkage in linkage(),
    ) {
        let n = matrix.nrows();
        let expected = ranked(&matrix, linkage, threshold, &ranks);
        // Row i of the other order is the row of rank i.
        let mut row_of = vec![0; n];
        ranks.iter().enumerate().for_each(|(row, rank)| row_of[*rank] = row);
        let moved = matrix.select(ndarray::Axis(0), &row_of);
        let got = ranked(&moved, linkage, threshold, &(0..n).collect::<Vec<_>>());
        let back: Vec<usize> = ranks.iter().map(|rank| got.labels()[*rank]).collect();
        prop_assert_eq!(Clusters::from_labels(&back), expected);
    }
}

#[test]
fn of_two_equally_near_neighbours_the_one_of_lower_rank_is_taken() {
    // The first row is as near to the second as to the third, which are farther from each other.
    let matrix = unit(
        &[
            vec![0.5, 0.5, 0.5, 0.5, 0.0, 0.0],
            vec![0.5, 0.5, 0.5, 0.0, 0.5, 0.0],
            vec![0.0, 0.5, 0.5, 0.5, 0.0, 0.5],
        ],
        6,
    );
    let threshold = CosineDistance::literal(0.25);
    for (ranks, expected) in [([0, 1, 2], [0, 0, 1]), ([1, 2, 0], [0, 1, 0]), ([2, 1, 0], [0, 1, 0])] {
        for linkage in super::LINKAGES {
            let how = Cut { tie_ranks: Some(&ranks), ..Cut::new(linkage, threshold) };
            let clusters = cut_with(&matrix, &how, &Unwatched).unwrap();
            assert_eq!(clusters.labels(), expected, "{linkage:?} {ranks:?}");
        }
    }
}
