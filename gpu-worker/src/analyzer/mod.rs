//! From encoded bytes to a [`FaceAnalysis`]: what a lane does with one item.

mod build;
mod face;
mod failure;
#[cfg(test)]
mod tests;

use std::time::Duration;

use facesets_core::{
    FaceAnalysis,
    wire::{AnalyzeFaces, ItemFailure},
};

pub use build::{BuildError, PackBuilder};
pub use face::{FaceAnalyzer, FaceModels, MAX_FACES};
pub use failure::failed;

/// An analysis and where its time went.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// The faces.
    pub faces: FaceAnalysis,
    /// Time for decoding the image.
    pub decode: Duration,
    /// Time from pixels to faces.
    pub infer: Duration,
}

/// Does what an item asks for. Owned by one thread, and used by it alone.
pub trait Analyzer {
    /// Analyses one encoded image.
    fn analyze(&mut self, bytes: &[u8], task: &AnalyzeFaces) -> Result<Analysis, ItemFailure>;
}
