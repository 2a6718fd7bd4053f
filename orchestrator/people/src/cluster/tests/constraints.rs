//! What the user says of pairs: together, or never.

use ndarray::array;
use proptest::prelude::*;

use super::{naive::constrained, unit_rows};
use crate::{
    cluster::{
        ClusterError, Constraints, Cut, Engine, Kept, Linkage, Unwatched, cut_on, cut_with, kernel::Kernel,
    },
    threshold::CosineDistance,
};

/// Differences that rounding may turn around.
const ROUNDING: f64 = 1e-9;

fn how(linkage: Linkage, threshold: f32, constraints: &Constraints) -> Cut<'_> {
    Cut { constraints: Some(constraints), ..Cut::new(linkage, CosineDistance::literal(threshold)) }
}

/// Pairs of different rows, from random numbers.
pub(super) fn pairs(seeds: &[(usize, usize)], rows: usize) -> Vec<(usize, usize)> {
    let pairs = seeds.iter().map(|(a, b)| (a % rows.max(1), b % rows.max(1)));
    pairs.filter(|(a, b)| a != b).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_constrained_clustering_does_what_the_definition_says(
        matrix in unit_rows(16),
        threshold in 0.01f32..1.9,
        together in prop::collection::vec((0usize..100, 0usize..100), 0..4),
        apart in prop::collection::vec((0usize..100, 0usize..100), 0..6),
        kept in 1usize..5,
        complete in any::<bool>(),
    ) {
        let rows = matrix.nrows();
        let linkage = if complete { Linkage::Complete } else { Linkage::Average };
        let together = if complete { Vec::new() } else { pairs(&together, rows) };
        let constraints = Constraints { together, apart: pairs(&apart, rows) };
        let how = how(linkage, threshold, &constraints);
        let got = cut_on(Kernel::PORTABLE, Kept { points: kept, unions: kept }, &matrix, &how, &Unwatched);
        if let Err(ClusterError::Contradiction { a, b }) = got {
            prop_assert!(constraints.apart.contains(&(a, b)));
            return Ok(());
        }
        let ranks: Vec<usize> = (0..rows).collect();
        let expected = constrained(&matrix, linkage, threshold, &ranks, &constraints);
        prop_assume!(expected.margin > ROUNDING);
        prop_assert_eq!(got.unwrap(), expected.clusters);
    }
}

#[test]
fn what_is_said_of_parts_holds_for_their_unions() {
    // Three directions close together; the first two are one person's, the last two are not.
    let matrix = array![[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]];
    let constraints = Constraints { together: vec![(0, 1)], apart: vec![(1, 2)] };
    let cut = |constraints| cut_with(&matrix, &how(Linkage::Average, 1.9, constraints), &Unwatched);
    assert_eq!(cut(&constraints).unwrap().labels(), [0, 0, 1, 1]);
    let far = Constraints { together: vec![(0, 3)], apart: Vec::new() };
    let strict = cut_with(&matrix, &how(Linkage::Average, 0.01, &far), &Unwatched).unwrap();
    assert_eq!(strict.labels(), [0, 1, 2, 0], "rows beyond the cut are together if somebody says so");
}

#[test]
fn contradictions_and_engines_that_take_no_constraints_are_refused() {
    let matrix = array![[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]];
    let chain = Constraints { together: vec![(0, 1), (1, 2)], apart: vec![(2, 0)] };
    let got = cut_with(&matrix, &how(Linkage::Average, 0.5, &chain), &Unwatched);
    assert_eq!(got, Err(ClusterError::Contradiction { a: 2, b: 0 }));
    let some = Constraints { together: vec![(0, 1)], apart: Vec::new() };
    let dense = Cut { engine: Engine::Dense, ..how(Linkage::Average, 0.5, &some) };
    for how in [dense, how(Linkage::Complete, 0.5, &some)] {
        assert_eq!(cut_with(&matrix, &how, &Unwatched), Err(ClusterError::NoConstraints));
    }
}
