//! The rows to cluster: validated, and in the order that decides ties.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
    hash::{Hash, Hasher},
};

use ndarray::ArrayRef2;
use rayon::prelude::*;

use super::{ClusterError, dot::lanes};

/// Most values of an embedding: sums of 8-bit products over so many still fit 32 bits (255 · 127 · 65,536 <
/// 2³¹).
pub(super) const MAX_DIMS: usize = 65_536;

/// Most rows: clusters and their unions are numbered with 31 bits.
const MAX_ROWS: usize = 1 << 30;

/// How far a length may be from 1. Rounding to f32 leaves 1e-7; the engines' error bounds allow for this much
/// ([`MAX_LENGTH`]).
const LENGTH_TOLERANCE: f64 = 1e-3;

/// Upper bound of the length of every row and every mean of rows.
pub(super) const MAX_LENGTH: f32 = 1.0011;

/// Unit vectors in tie order: the id of a point is its rank, so that comparing ids compares ranks.
pub(super) struct Points<'a> {
    values: Cow<'a, [f32]>,
    dims: usize,
    /// Row of the caller's matrix of each point; `None`: the same.
    row_of: Option<Vec<u32>>,
    /// How many rows each point stands for; empty where it is one each.
    weights: Vec<u32>,
    /// Rows that are no points, with the point that each is equal to.
    copies: Vec<(u32, u32)>,
}

/// A row, equal to others by its bits.
struct Bits<'a>(&'a [f32]);

impl<'a> Points<'a> {
    /// Takes the rows of `embeddings` (n × d). `tie_ranks[row]` is the rank of a row, a permutation of 0..n;
    /// without them a row's rank is its number. O(n·d); copies nothing if the matrix is contiguous.
    pub(super) fn new(
        embeddings: &'a ArrayRef2<f32>,
        tie_ranks: Option<&[usize]>,
    ) -> Result<Self, ClusterError> {
        let (rows, dims) = embeddings.dim();
        if rows > MAX_ROWS {
            return Err(ClusterError::TooManyRows(rows));
        }
        if rows > 0 && !(1..=MAX_DIMS).contains(&dims) {
            return Err(ClusterError::Dimensions(dims));
        }
        let values = embeddings
            .as_slice()
            .map_or_else(|| Cow::Owned(embeddings.iter().copied().collect()), Cow::Borrowed);
        check_unit(&values, dims.max(1))?;
        let row_of = tie_ranks.map(|ranks| inverse(ranks, rows)).transpose()?;
        Ok(Self { values, dims, row_of, weights: Vec::new(), copies: Vec::new() })
    }

    /// Makes one point of rows that are equal bit by bit, at the place of the first of them, but for rows
    /// that are to stay points of their own. O(n·d).
    pub(super) fn folded(mut self, stays: impl Fn(usize) -> bool) -> Self {
        let n = self.len();
        let mut first_of: HashMap<Bits<'_>, u32> = HashMap::with_capacity(n);
        let (mut rows, mut weights, mut copies) = (Vec::with_capacity(n), Vec::new(), Vec::new());
        for old in 0..n {
            let (row, point) = (self.row_of(old), rows.len() as u32);
            if !stays(row) {
                match first_of.entry(Bits(self.vector(old))) {
                    Entry::Vacant(none) => _ = none.insert(point),
                    Entry::Occupied(first) => {
                        let first = *first.get();
                        weights.resize(rows.len(), 1);
                        weights[first as usize] += 1;
                        copies.push((row as u32, first));
                        continue;
                    }
                }
            }
            rows.push(row as u32);
        }
        if !copies.is_empty() {
            weights.resize(rows.len(), 1);
            self = Self { row_of: Some(rows), weights, copies, ..self };
        }
        self
    }

    /// Number of points.
    pub(super) fn len(&self) -> usize {
        self.row_of.as_ref().map_or_else(|| self.rows(), Vec::len)
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.values.len().checked_div(self.dims).unwrap_or(0)
    }

    /// How many rows a point stands for.
    pub(super) fn weight(&self, point: usize) -> u32 {
        self.weights.get(point).copied().unwrap_or(1)
    }

    /// What is said of each point, said of each row.
    pub(super) fn to_rows(&self, of_points: &[usize]) -> Vec<usize> {
        let mut of_rows = vec![0; self.rows()];
        for (point, value) in of_points.iter().enumerate() {
            of_rows[self.row_of(point)] = *value;
        }
        for (row, point) in &self.copies {
            of_rows[*row as usize] = of_points[*point as usize];
        }
        of_rows
    }

    /// Values of a point.
    pub(super) fn dims(&self) -> usize {
        self.dims
    }

    /// The caller's row of a point.
    pub(super) fn row_of(&self, point: usize) -> usize {
        self.row_of.as_ref().map_or(point, |rows| rows[point] as usize)
    }

    /// The vector of a point.
    pub(super) fn vector(&self, point: usize) -> &[f32] {
        let begin = self.row_of(point) * self.dims;
        &self.values[begin..begin + self.dims]
    }
}

impl PartialEq for Bits<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(a, b)| a.to_bits() == b.to_bits())
    }
}

impl Eq for Bits<'_> {}

impl Hash for Bits<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|value| state.write_u32(value.to_bits()));
    }
}

/// Finds the first row that is not a unit vector.
fn check_unit(values: &[f32], dims: usize) -> Result<(), ClusterError> {
    let bad = values.par_chunks_exact(dims).enumerate().find_map_first(|(row, vector)| {
        let length = lanes(vector, vector).sqrt();
        if !length.is_finite() {
            Some(ClusterError::NotFinite { row })
        } else if (length - 1.0).abs() > LENGTH_TOLERANCE {
            Some(ClusterError::NotUnit { row, length })
        } else {
            None
        }
    });
    bad.map_or(Ok(()), Err)
}

fn inverse(ranks: &[usize], rows: usize) -> Result<Vec<u32>, ClusterError> {
    const UNSET: u32 = u32::MAX;
    let wrong = ClusterError::TieOrder { rows };
    if ranks.len() != rows {
        return Err(wrong);
    }
    let mut row_of = vec![UNSET; rows];
    for (row, rank) in ranks.iter().enumerate() {
        match row_of.get_mut(*rank) {
            Some(slot) if *slot == UNSET => *slot = row as u32,
            _ => return Err(wrong),
        }
    }
    Ok(row_of)
}
