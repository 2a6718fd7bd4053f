//! Where photos come from.

mod camera;
pub mod disk;
pub mod hash;
