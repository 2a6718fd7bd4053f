//! Inputs at the edge and beyond it.

use ndarray::{Array2, array};

use super::{LINKAGES, cut_at};
use crate::{
    cluster::{ClusterError, Cut, Engine, Linkage, MAX_ROWS, Unwatched, cut_with, memory_estimate},
    threshold::CosineDistance,
};

fn error_of(matrix: &Array2<f32>, tie_ranks: Option<&[usize]>) -> ClusterError {
    let mut errors = LINKAGES.into_iter().flat_map(|linkage| {
        [Engine::Sparse, Engine::Dense].map(|engine| {
            let how = Cut { engine, tie_ranks, ..Cut::new(linkage, CosineDistance::literal(0.5)) };
            cut_with(matrix, &how, &Unwatched).unwrap_err()
        })
    });
    let first = errors.next().unwrap();
    assert!(errors.all(|error| error == first));
    first
}

#[test]
fn no_rows_one_row_and_equal_rows_are_fine() {
    let rows = |n: usize| Array2::from_shape_fn((n, 3), |(_, j)| if j == 0 { 1.0 } else { 0.0 });
    for linkage in LINKAGES {
        for threshold in [0.0, 0.5, 2.0] {
            for (n, count) in [(0, 0), (1, 1), (7, 1), (300, 1)] {
                assert_eq!(
                    cut_at(&rows(n), linkage, threshold).count(),
                    count,
                    "{linkage:?} {threshold} {n}"
                );
            }
        }
        assert_eq!(cut_at(&Array2::zeros((0, 0)), linkage, 0.5).count(), 0);
    }
}

#[test]
fn opposite_rows_join_at_the_largest_cut_only() {
    let matrix = array![[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]];
    for linkage in LINKAGES {
        assert_eq!(cut_at(&matrix, linkage, 2.0).labels(), [0, 0, 0]);
        assert_eq!(cut_at(&matrix, linkage, 0.99).labels(), [0, 1, 2]);
    }
}

#[test]
fn clusters_at_exactly_the_cut_are_merged() {
    let matrix = array![[1.0, 0.0], [0.0, 1.0]];
    for linkage in LINKAGES {
        assert_eq!(cut_at(&matrix, linkage, 1.0).count(), 1);
    }
}

#[test]
fn rows_that_are_not_unit_vectors_are_refused_by_number() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(error_of(&array![[1.0, 0.0], [bad, 0.0]], None), ClusterError::NotFinite { row: 1 });
    }
    let zero = error_of(&array![[1.0, 0.0], [0.6, 0.8], [0.0, 0.0], [f32::NAN, 0.0]], None);
    assert_eq!(zero, ClusterError::NotUnit { row: 2, length: 0.0 });
    assert_eq!(zero.to_string(), "embedding 2 is not a unit vector: its length is 0");
    assert_eq!(error_of(&array![[3.0, 4.0]], None), ClusterError::NotUnit { row: 0, length: 5.0 });
}

#[test]
fn rows_without_values_or_with_too_many_are_refused() {
    assert_eq!(error_of(&Array2::zeros((3, 0)), None), ClusterError::Dimensions(0));
    assert_eq!(error_of(&Array2::zeros((1, 65_537)), None), ClusterError::Dimensions(65_537));
}

#[test]
fn ranks_that_are_no_permutation_are_refused() {
    let matrix = array![[1.0, 0.0], [0.0, 1.0]];
    for ranks in [&[0][..], &[0, 0], &[1, 2], &[0, 1, 2]] {
        assert_eq!(error_of(&matrix, Some(ranks)), ClusterError::TieOrder { rows: 2 });
    }
}

#[test]
fn the_dense_engine_refuses_more_rows_than_its_matrix_may_have() {
    let matrix = Array2::from_elem((MAX_ROWS + 1, 1), 1.0);
    let how = Cut { engine: Engine::Dense, ..Cut::new(Linkage::Average, CosineDistance::literal(0.5)) };
    assert_eq!(cut_with(&matrix, &how, &Unwatched), Err(ClusterError::TooManyRows(MAX_ROWS + 1)));
}

#[test]
fn the_memory_of_the_sparse_engine_grows_with_the_rows_and_that_of_the_dense_one_with_their_square() {
    let sparse = |n| memory_estimate(n, 512, Linkage::Average, Engine::Auto);
    assert_eq!(sparse(200_000), 2 * sparse(100_000));
    let dense = memory_estimate(20_000, 512, Linkage::Average, Engine::Dense);
    assert!(dense > 1_500_000_000 && dense > 20 * sparse(20_000));
    assert_eq!(memory_estimate(0, 0, Linkage::Complete, Engine::Auto), 0);
}
