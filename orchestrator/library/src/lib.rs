//! A library: the store, which alone has SQL, where its photos come from, and the one reader of originals.

pub mod npy;
pub mod originals;
pub mod source;
pub mod store;
