//! The head of a `.npy` file (`NumPy`'s first enhancement proposal): what its bytes are, row after row.
//!
//! Our own, because the libraries for it bring a parser of Python literals and big integers along for one
//! line of text.

mod read;
mod write;

pub use read::{Head, HeadError};
pub use write::head;

/// What every such file begins with; version and length follow.
const MAGIC: &[u8] = b"\x93NUMPY";
