//! Work for workers: one queue, any number of connections, each within its worker's credit.
//!
//! [`Queue`] holds what is to be done. For every worker a task takes from it what fits into the worker's
//! credit, reads the bytes, sends them, and hands each answer on, in whatever order they come. What is in
//! flight on a connection that breaks goes back to the queue. The only place of the orchestrator that knows
//! gRPC. It knows neither the store nor where bytes come from.

mod alerts;
mod breakage;
mod connection;
mod endpoint;
mod error;
mod lifecycle;
pub mod managed;
mod member;
mod own_certificate;
mod pack;
mod pair;
mod probe;
mod queue;
mod run;
mod shared;
mod source;
mod stream;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod tls;
mod window;

use std::sync::Arc;

use facesets_base::plausible::Extent;
use facesets_core::{
    Sha256Digest,
    wire::{Encoded, ItemFailure, TaskResult, Timings, WorkerDescription},
};
use tokio::sync::oneshot;

pub use connection::{Connection, connect};
pub use endpoint::{Plaintext, Token, WorkerEndpoint};
pub use error::DispatchError;
pub use own_certificate::{OwnCertificate, OwnCertificateError};
pub use pack::{PackError, clip_task_for, count_task_for, task_for};
pub use pair::pair;
pub use queue::Queue;
pub use run::{Worker, run};
pub use source::{Patience, WorkerSource};

/// How often an item is tried before a failure that could have been temporary is taken for its answer.
pub const MAX_TRIES: u32 = 3;

/// How many workers may die with an item alone in flight before it is set aside. A death in company only
/// makes suspects: the one that a killer takes with it must not pay for it.
pub const MAX_DEATHS: u32 = 2;

/// An image to analyse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Its content.
    pub sha256: Sha256Digest,
    /// Its size in bytes, which counts against the credit.
    pub bytes: u64,
    tries: u32,
    /// The worker on which it failed last.
    failed_on: Option<WorkerNumber>,
    /// Workers that died with it alone in flight, once a worker has died with it at all.
    suspicion: Option<u32>,
    /// What it shows is so large, once it was read and where its header says so.
    extent: Option<Extent>,
}

/// Which of a run's workers.
type WorkerNumber = usize;

/// Where the bytes of a content come from; called on threads that may block. The error is for people.
pub type Load = Arc<dyn Fn(&Sha256Digest) -> Result<Encoded, String> + Send + Sync>;

/// What there is to write down.
#[derive(Debug)]
pub enum Event {
    /// An image is done.
    Answer(Answer),
    /// A worker died.
    Deaths(Deaths),
    /// Something about a worker that the user should know, in words.
    Note(String),
}

/// Those that were there when a worker died. Nothing of it is sent again before `stored` is used.
#[derive(Debug)]
pub struct Deaths {
    /// The suspects.
    pub strikes: Vec<Strike>,
    /// To be used when they are stored, and dropped when they cannot be.
    pub stored: oneshot::Sender<()>,
}

/// A suspicion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strike {
    /// The content.
    pub sha256: Sha256Digest,
    /// Workers that died with it alone in flight.
    pub deaths: u32,
}

/// What came of an image.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its content.
    pub sha256: Sha256Digest,
    /// The measurement, or why there is none.
    pub outcome: Result<Measured, Refusal>,
}

/// A measurement.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What the worker's tasks asked for, in their order, under their contracts.
    pub results: Vec<TaskResult>,
    /// Where the time went.
    pub timings: Timings,
    /// Who measured.
    pub worker: Arc<WorkerDescription>,
}

/// Why there is no measurement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The worker says so, for the last time.
    #[error(transparent)]
    Worker(ItemFailure),
    /// What the last worker that was asked says cannot be.
    #[error("the worker {worker} says what cannot be: {problem}")]
    Implausible {
        /// What it is called and where it is.
        worker: String,
        /// What is wrong with its answer.
        problem: String,
    },
    /// Its bytes could not be read.
    #[error("{0}")]
    Load(String),
    /// Workers die of it.
    #[error("{MAX_DEATHS} workers died while they had nothing but this photo")]
    KillsWorker,
}

impl Work {
    /// An image that was not tried yet.
    pub fn new(sha256: Sha256Digest, bytes: u64) -> Self {
        Self { sha256, bytes, tries: 0, failed_on: None, suspicion: None, extent: None }
    }

    /// The image under suspicion: `deaths` workers died with it alone in flight.
    #[must_use]
    pub fn suspect(self, deaths: u32) -> Self {
        Self { suspicion: Some(deaths), ..self }
    }
}
