//! Why a clustering was refused or stopped.

use super::{complete, dense, points};

/// Why there are no clusters. Nothing is kept of a run that ended with one of these.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum ClusterError {
    /// The matrix of all distances would be too large.
    #[error("{0} faces are more than the dense clustering engine takes ({max})", max = dense::MAX_ROWS)]
    TooManyRows(usize),
    /// So many pairs are within the cut that the sparse graph would be too large.
    #[error("more than {max} pairs are within the cut: too many for complete linkage", max = complete::MAX_PAIRS)]
    TooManyPairs,
    /// A row with a value that is no number, or infinite.
    #[error("embedding {row} has a value that is not a finite number")]
    NotFinite {
        /// The row, from 0.
        row: usize,
    },
    /// A row that has no direction, or that nobody has scaled to length 1.
    #[error("embedding {row} is not a unit vector: its length is {length}")]
    NotUnit {
        /// The row, from 0.
        row: usize,
        /// Its length.
        length: f64,
    },
    /// A matrix without columns, or with more than any recogniser makes.
    #[error("embeddings have {0} values each: from 1 to {max} are possible", max = points::MAX_DIMS)]
    Dimensions(usize),
    /// The order for ties is not one.
    #[error("the order for ties does not name every one of {rows} rows once")]
    TieOrder {
        /// Rows of the matrix.
        rows: usize,
    },
    /// Two rows that belong together and yet do not.
    #[error("embeddings {a} and {b} are said to be one person's and not to be")]
    Contradiction {
        /// One row, from 0.
        a: usize,
        /// The other.
        b: usize,
    },
    /// Constraints for an engine or a linkage that takes none.
    #[error("the dense clustering engine takes no pins")]
    NoConstraints,
    /// [`Watch::cancelled`](super::Watch::cancelled) said so.
    #[error("clustering was cancelled")]
    Cancelled,
}
