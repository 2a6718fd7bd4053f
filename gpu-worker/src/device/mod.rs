//! Where the networks of a photo are run.
//!
//! A lane follows one photo from bytes to reply and gives its network inputs to a [`Device`] as [`Call`]s. On
//! the host's processor that is [`InPlace`]: the lane's own engine on the lane's own thread. Anything else is
//! one device that all lanes [`share`](Shared): a thread of its own runs batches that the calls of many
//! photos make up, while lanes decode the next photos.

mod batcher;
mod client;
mod condition;
mod cpu_turns;
mod headroom;
mod in_place;
mod runner;
mod shared;
#[cfg(test)]
mod tests;

use facesets_core::wire::ModelRole;

pub use client::Client;
pub use condition::{Condition, DeviceState};
pub use cpu_turns::CpuTurns;
pub use in_place::InPlace;
pub(crate) use runner::panic_message;
pub use runner::{EngineFactory, Runner};
pub use shared::Shared;

use crate::engine::{BUCKETS, EngineError, InputShape, Tensor};

/// Values of one batch at most, so that batches of large inputs stay small: 8 detector inputs of 640², and
/// some.
const MAX_BATCH_VALUES: usize = 10_000_000;

/// Inputs for one model: rows of 3 × `side` × `side` values, one after another.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Which model.
    pub role: ModelRole,
    /// Height and width.
    pub side: usize,
    /// How many inputs; at least one.
    pub rows: usize,
    /// `rows` × 3 × `side` × `side` of them.
    pub values: Vec<f32>,
}

/// The outputs of a model for one input, in the model's order.
pub type Row = Vec<Tensor>;

/// What a lane knows of where networks are run.
pub trait Device {
    /// Sizes of the input of the model in `role`.
    fn input_shape(&self, role: ModelRole) -> InputShape;

    /// Runs `calls` and waits for all of them: one [`Row`] an input each.
    fn run(&mut self, calls: Vec<Call>) -> Vec<Result<Vec<Row>, EngineError>>;

    /// Waits until there is processor time for another photo. Every `begin` is followed by an `end`.
    fn begin(&mut self) {}

    /// The photo is done with.
    fn end(&mut self) {}
}

impl<D: Device + ?Sized> Device for Box<D> {
    fn input_shape(&self, role: ModelRole) -> InputShape {
        (**self).input_shape(role)
    }

    fn run(&mut self, calls: Vec<Call>) -> Vec<Result<Vec<Row>, EngineError>> {
        (**self).run(calls)
    }

    fn begin(&mut self) {
        (**self).begin();
    }

    fn end(&mut self) {
        (**self).end();
    }
}

impl Call {
    fn row_len(&self) -> usize {
        row_len(self.side)
    }
}

fn row_len(side: usize) -> usize {
    3 * side * side
}

/// Rows of one batch: as many as the model takes, and as are good for the memory.
fn batch_limit(shape: InputShape, side: usize) -> usize {
    let [.., largest] = BUCKETS;
    shape[0].unwrap_or_else(|| (MAX_BATCH_VALUES / row_len(side).max(1)).clamp(1, largest))
}
