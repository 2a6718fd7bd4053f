//! Many rows that are equal, or equal but for the last digits: more than any list of neighbours holds.
//!
//! Such rows are nearer to each other than to anything else, so by the definition they are one cluster before
//! anything else is merged, in whatever order. What follows is compared with the definition, begun with each
//! mass as one cluster, wherever that has a margin above what the last digits can change.

use ndarray::{Array2, Axis};
use proptest::prelude::*;

use super::{LINKAGES, cut_at, distance, household::Household, linkage, naive::constrained, unit_rows};
use crate::{
    cluster::{
        Clusters, Constraints, Cut, Engine, Kept, Linkage, Unwatched, cut_on, cut_with, kernel::Kernel,
    },
    threshold::CosineDistance,
};

/// More than distances change by, where values change by 1e-6 and lengths by 2e-6.
const CHANGED: f64 = 1e-4;

/// Rows, and which mass each belongs to.
#[derive(Debug, Clone)]
struct Masses {
    rows: Array2<f32>,
    of: Vec<usize>,
}

impl Masses {
    /// Copies of some rows, so many of each, with values that differ by up to `spread`.
    fn of(bases: &Array2<f32>, counts: &[usize], spread: f32, seeds: &[f32]) -> Self {
        let of: Vec<usize> = counts.iter().enumerate().flat_map(|(mass, count)| vec![mass; *count]).collect();
        let mut rows = bases.select(Axis(0), &of);
        let mut noise = seeds.iter().cycle();
        for value in &mut rows {
            *value += spread * noise.next().copied().unwrap_or_default();
        }
        Self { rows, of }
    }

    fn shuffled(self, order: &[usize]) -> Self {
        Self { rows: self.rows.select(Axis(0), order), of: order.iter().map(|row| self.of[*row]).collect() }
    }

    /// That each row is with the first of its mass.
    fn together(&self) -> Vec<(usize, usize)> {
        let first = |row: usize| self.of.iter().position(|mass| *mass == self.of[row]).unwrap();
        (0..self.of.len()).map(|row| (first(row), row)).filter(|(first, row)| first != row).collect()
    }

    /// Whether no mass is in two clusters.
    fn are_whole(&self, clusters: &Clusters) -> bool {
        self.together().iter().all(|(a, b)| clusters.labels()[*a] == clusters.labels()[*b])
    }

    /// What the definition makes of them, and its margin.
    fn expected(&self, linkage: Linkage, threshold: f32) -> (Clusters, f64) {
        let ranks: Vec<usize> = (0..self.of.len()).collect();
        let constraints = Constraints { together: self.together(), apart: Vec::new() };
        let run = constrained(&self.rows, linkage, threshold, &ranks, &constraints);
        (run.clusters, run.margin)
    }
}

/// Up to seven masses, together more rows than a block has, in any order.
fn masses() -> impl Strategy<Value = Masses> {
    let spread = prop::sample::select(vec![0.0f32, 1e-8, 1e-7, 1e-6]);
    let seeds = prop::collection::vec(-1.0f32..1.0, 997);
    let count = prop::sample::select(vec![1usize, 2, 15, 17, 33, 60, 110]);
    (unit_rows(8), spread, seeds).prop_flat_map(move |(bases, spread, seeds)| {
        let counts = prop::collection::vec(count.clone(), bases.nrows());
        counts.prop_flat_map(move |counts| {
            let masses = Masses::of(&bases, &counts, spread, &seeds);
            let order: Vec<usize> = (0..masses.of.len()).collect();
            Just(order).prop_shuffle().prop_map(move |order| masses.clone().shuffled(&order))
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn masses_are_clustered_as_the_definition_says(
        masses in masses(), threshold in 0.01f32..1.9, linkage in linkage(), kept in 1usize..5,
    ) {
        let (expected, margin) = masses.expected(linkage, threshold);
        prop_assume!(margin > CHANGED);
        prop_assert_eq!(&cut_at(&masses.rows, linkage, threshold), &expected);
        let how = Cut::new(linkage, CosineDistance::literal(threshold));
        let few = Kept { points: kept, unions: kept };
        prop_assert_eq!(&cut_on(Kernel::PORTABLE, few, &masses.rows, &how, &Unwatched).unwrap(), &expected);
        let dense = cut_with(&masses.rows, &Cut { engine: Engine::Dense, ..how }, &Unwatched).unwrap();
        prop_assert_eq!(dense, expected);
    }

    /// Two masses at the distance of the cut: whether they are merged is a matter of rounding, that they stay
    /// whole is not.
    #[test]
    fn no_mass_is_torn_by_a_cut_at_its_edge(masses in masses(), pair in (0usize..9, 0usize..9), linkage in linkage()) {
        let rows = masses.of.len().max(1);
        let (a, b) = (pair.0 * 31 % rows, pair.1 * 53 % rows);
        prop_assume!(masses.of.get(a) != masses.of.get(b));
        let threshold = distance(&masses.rows, a, b) as f32;
        prop_assume!((1e-3..2.0).contains(&threshold));
        prop_assert!(masses.are_whole(&cut_at(&masses.rows, linkage, threshold)));
    }

    /// Two rows of a mass that are said to be two people's part it; all others of it stay with the one or the
    /// other.
    #[test]
    fn what_is_said_of_copies_parts_them_and_no_others(
        masses in masses(), seed in any::<prop::sample::Index>(), kept in 1usize..5,
    ) {
        let together = masses.together();
        let whole = cut_at(&masses.rows, Linkage::Average, 1e-3);
        prop_assume!(!together.is_empty() && whole.count() == 1 + masses.of.iter().max().unwrap());
        let said = together[seed.index(together.len())];
        let constraints = Constraints { together: Vec::new(), apart: vec![said] };
        let how = Cut { constraints: Some(&constraints), ..Cut::new(Linkage::Average, CosineDistance::literal(1e-3)) };
        let few = Kept { points: kept, unions: kept };
        let got = cut_on(Kernel::PORTABLE, few, &masses.rows, &how, &Unwatched).unwrap();
        prop_assert_ne!(got.labels()[said.0], got.labels()[said.1]);
        prop_assert_eq!(got.count(), whole.count() + 1);
        // And said to be one person's, far ones are.
        let constraints = Constraints { together: vec![(0, masses.of.len() - 1)], apart: Vec::new() };
        let how = Cut { constraints: Some(&constraints), ..Cut::new(Linkage::Average, CosineDistance::literal(1e-3)) };
        let got = cut_on(Kernel::PORTABLE, few, &masses.rows, &how, &Unwatched).unwrap();
        prop_assert_eq!(got.labels()[0], got.labels()[masses.of.len() - 1]);
    }
}

/// A library in which people have hundreds of equal rows, and one has hundreds that are nearly equal.
fn library() -> Array2<f32> {
    let mut rows = Household { rows: 1500, dims: 128, seed: 9, copies: 700 }.embeddings();
    let middle = rows.row(0).to_owned();
    for (number, mut row) in rows.rows_mut().into_iter().enumerate().take(900).step_by(3) {
        row.assign(&middle);
        row[number % 128] += 1e-7 * (number % 7) as f32;
    }
    rows
}

#[test]
fn a_library_with_masses_is_clustered_as_by_the_reference_engine_on_any_number_of_threads_and_in_any_order() {
    let rows = library();
    let backwards: Vec<usize> = (0..rows.nrows()).rev().collect();
    let turned = rows.select(Axis(0), &backwards);
    for linkage in LINKAGES {
        for threshold in [0.3, 0.55] {
            let how = Cut { engine: Engine::Dense, ..Cut::new(linkage, CosineDistance::literal(threshold)) };
            let dense = cut_with(&rows, &how, &Unwatched).unwrap();
            assert!(dense.count() > 100 && dense.count() < 700);
            for threads in [1, 2, 8] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert_eq!(
                    pool.install(|| cut_at(&rows, linkage, threshold)),
                    dense,
                    "{linkage:?} {threshold}"
                );
            }
            let mut labels = cut_at(&turned, linkage, threshold).labels().to_vec();
            labels.reverse();
            assert_eq!(Clusters::from_labels(&labels), dense, "{linkage:?} {threshold}");
        }
    }
}

#[test]
fn equal_rows_are_one_cluster_at_any_cut_and_whatever_their_length() {
    for length in [0.9995f32, 1.0, 1.0005] {
        let rows = Array2::from_shape_fn((400, 3), |(row, axis)| if row % 2 == axis { length } else { 0.0 });
        for linkage in LINKAGES {
            for threshold in [0.0, 1e-4, 0.5] {
                let labels: Vec<usize> = (0..400).map(|row| row % 2).collect();
                assert_eq!(cut_at(&rows, linkage, threshold).labels(), labels, "{length} {linkage:?}");
            }
        }
    }
}
