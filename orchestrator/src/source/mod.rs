//! Where photos come from.

pub mod disk;
pub mod hash;
pub mod load;
mod transcode;
