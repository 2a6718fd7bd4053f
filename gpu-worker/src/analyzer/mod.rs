//! From encoded bytes to [`TaskResult`]s: what a lane does with one item.

mod build;
mod common;
mod contracts;
mod crops;
mod decode_budget;
mod detections;
mod face;
mod failure;
mod measures;
mod photo;
mod spare_buffers;
#[cfg(test)]
mod tests;

use std::time::Duration;

use facesets_core::wire::{ItemFailure, Task, TaskResult};

pub use build::{BuildError, PackBuilder};
pub use common::{Common, FaceModels};
pub use face::{FaceAnalyzer, MAX_FACES};
pub use failure::failed;

pub(crate) use contracts::check as check_task;
pub(crate) use photo::analyze as analyze_photo;

/// What came of an item and where its time went.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// One result a task, in the order asked.
    pub results: Vec<TaskResult>,
    /// Time until there was processor time and memory for it.
    pub queue: Duration,
    /// Time for decoding the image.
    pub decode: Duration,
    /// Time from pixels to results, waiting for the device included.
    pub infer: Duration,
}

/// Does what an item asks for. Owned by one thread, and used by it alone.
pub trait Analyzer {
    /// Does every one of `tasks` with one encoded image, which is decoded once.
    fn analyze(&mut self, bytes: &[u8], tasks: &[Task]) -> Result<Analysis, ItemFailure>;
}
