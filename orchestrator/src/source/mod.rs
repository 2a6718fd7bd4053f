//! Where photos come from.

mod camera;
pub mod disk;
pub mod file;
pub mod hash;
pub mod load;
mod transcode;
