//! What the system before this one left: corpora and a cache of embeddings, read as they are.

pub mod adopt;
pub mod cache;
