//! Running networks: what the rest of the worker knows of an inference runtime.
//!
//! An [`Engine`] takes a batch for one model and gives back its outputs as plain numbers. What the numbers
//! mean is none of its business. [`ort`] is the only folder that names ONNX Runtime, [`self_test`] says
//! whether an engine can be trusted.

mod bucket;
mod on_demand;
pub mod ort;
mod provider;
mod runtime_path;
pub mod self_test;
mod simulated;

use facesets_core::wire::ModelRole;

pub use bucket::{BUCKETS, bucket_for};
pub use on_demand::{Check, OnDemand};
pub use provider::{
    AUTO_ORDER, CpuFallback, Graphs, Provider, ProviderChoice, Shapes, Target, UnknownProvider,
};
pub use runtime_path::{RUNTIME_FILE, RuntimePathError, find_runtime};
pub use simulated::Simulated;

/// Sizes of a model's input: batch, channels, height, width; `None` where the model takes any.
pub type InputShape = [Option<usize>; 4];

/// One output of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// Values, innermost dimension contiguous.
    pub values: Vec<f32>,
}

/// A model for each role, ready to run on one thread.
pub trait Engine {
    /// Sizes of the input of the model in `role`.
    fn input_shape(&self, role: ModelRole) -> InputShape;

    /// Runs the model in `role` on a batch of NCHW values and returns its outputs in the model's order.
    fn run(&mut self, role: ModelRole, shape: [usize; 4], values: &[f32])
    -> Result<Vec<Tensor>, EngineError>;
}

/// A model that cannot be made ready, or run.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// The runtime does not accept the model.
    #[error("the {} model cannot be loaded: {reason}", .role.word())]
    Load {
        /// Which model.
        role: ModelRole,
        /// What sort of failure.
        cause: RunFailure,
        /// What the runtime says.
        reason: String,
    },
    /// A model with another number or kind of inputs or outputs than its role has.
    #[error("the {} model has another signature than its role asks for: {reason}", .role.word())]
    Signature {
        /// Which model.
        role: ModelRole,
        /// What is different.
        reason: String,
    },
    /// The runtime failed while running.
    #[error("the {} model failed: {reason}", .role.word())]
    Run {
        /// Which model.
        role: ModelRole,
        /// What sort of failure.
        cause: RunFailure,
        /// What the runtime says.
        reason: String,
    },
}

impl EngineError {
    /// What sort of failure it is.
    pub fn cause(&self) -> RunFailure {
        match self {
            Self::Load { cause, .. } | Self::Run { cause, .. } => *cause,
            Self::Signature { .. } => RunFailure::Other,
        }
    }
}

/// Sorts of failure that are worth telling apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunFailure {
    /// No memory on the device or the host.
    OutOfMemory,
    /// The device went away.
    DeviceLost,
    /// Anything else.
    Other,
}

/// The role as one word, as manifests and messages have it.
pub trait RoleWord {
    /// `detection`, `recognition`, `landmarks_106`, `landmarks_68`, `clip_visual` or `gender_age`.
    fn word(&self) -> &'static str;
}

impl RoleWord for ModelRole {
    fn word(&self) -> &'static str {
        match self {
            Self::Detection => "detection",
            Self::Recognition => "recognition",
            Self::Landmarks106 => "landmarks_106",
            Self::Landmarks68 => "landmarks_68",
            Self::ClipVisual => "clip_visual",
            Self::GenderAge => "gender_age",
        }
    }
}
