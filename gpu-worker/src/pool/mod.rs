//! Lanes: threads that each own an [`Analyzer`] and take items from one bounded queue, to which clients come
//! in turns.
//!
//! Streams come in through [`Pool::open_for`], which keeps each one within its credit and its client's share;
//! nothing of the channels between is visible outside. Nothing in here knows the protocol's messages.

mod admission;
mod clients;
mod credit;
mod fair_queue;
mod lane;
#[cfg(test)]
mod tests;

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

pub use clients::{Client, ClientId, Clients, Shares, StreamPlace, TooMany};
pub use credit::{Answers, Slot, Submitter};
use crossbeam_channel::{Sender, bounded};
use facesets_core::wire::Credit;

use crate::{
    analyzer::Analyzer,
    device::Condition,
    start_error::{BoxError, StartError},
};

/// Items that wait per lane: the next one must be there when a lane is done, more would only lie in memory.
const QUEUED_PER_LANE: usize = 1;

/// How often a shutdown looks whether the lanes are done.
const SHUTDOWN_POLL: Duration = Duration::from_millis(5);

/// Makes a lane's analyzer, on the lane's own thread; called again when one has panicked.
pub type Factory = dyn Fn() -> Result<Box<dyn Analyzer>, BoxError> + Send + Sync;

/// The lanes and the way to them.
#[derive(Debug)]
pub struct Pool {
    /// `None` after [`Pool::shutdown`].
    jobs: Mutex<Option<Sender<credit::Job>>>,
    /// Gives out as many places as the queue has, so that sending to it never blocks an async task.
    gate: Arc<admission::Admission>,
    /// How many those are.
    queued: usize,
    lanes: Mutex<Vec<JoinHandle<()>>>,
    /// What lanes and devices say of the devices.
    condition: Condition,
}

impl Pool {
    /// Starts `lanes` threads and waits until each has its analyzer, whose devices are nobody else's.
    pub fn start(
        lanes: NonZeroUsize,
        factory: impl Fn() -> Result<Box<dyn Analyzer>, BoxError> + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        Self::start_on(Condition::default(), lanes, factory)
    }

    /// The same on devices of whose condition others speak too.
    pub fn start_on(
        condition: Condition,
        lanes: NonZeroUsize,
        factory: impl Fn() -> Result<Box<dyn Analyzer>, BoxError> + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        let factory: Arc<Factory> = Arc::new(factory);
        let queued = lanes.get() * QUEUED_PER_LANE;
        let (jobs, taken) = bounded(queued);
        // One message a lane.
        let (ready, started) = bounded(lanes.get());
        let mut threads = Vec::new();
        for index in 0..lanes.get() {
            let (factory, taken, ready) = (Arc::clone(&factory), taken.clone(), ready.clone());
            let condition = condition.clone();
            let builder = thread::Builder::new().name(format!("lane-{index}"));
            threads.push(builder.spawn(move || lane::run(&*factory, &taken, &ready, &condition))?);
        }
        drop(ready);
        // Lanes hold their senders as long as they work, so the messages are counted.
        for outcome in started.iter().take(lanes.get()) {
            outcome.map_err(StartError::Analyzer)?;
        }
        Ok(Self {
            jobs: Mutex::new(Some(jobs)),
            gate: Arc::new(admission::Admission::new(queued)),
            queued,
            lanes: Mutex::new(threads),
            condition,
        })
    }

    /// What a pool of `lanes` can well have in flight on one stream: each lane one at work and one behind it,
    /// two on the way.
    pub fn credit(lanes: NonZeroUsize) -> Credit {
        Credit { max_items: 2 * lanes.get() as u32 + 2, max_bytes: 256 << 20 }
    }

    /// A stream of items of `client`, whom people call `label`, with a credit of its own.
    pub fn open_for(
        self: &Arc<Self>,
        client: &Arc<Client>,
        label: &str,
        credit: Credit,
    ) -> (Submitter, Answers) {
        credit::open(Arc::clone(self), Arc::clone(client), label.into(), credit)
    }

    /// The same for this program itself, where there are no clients.
    pub fn open(self: &Arc<Self>, credit: Credit) -> (Submitter, Answers) {
        self.open_for(&Client::local(), "local", credit)
    }

    /// Whether the devices work. When one is lost, every item is answered with a retryable failure.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Whether no item is taken any more.
    pub fn is_shut_down(&self) -> bool {
        self.sender().is_none()
    }

    /// Items that wait for a lane, and how many may.
    pub fn queued(&self) -> (usize, usize) {
        (self.queued.saturating_sub(self.gate.free()), self.queued)
    }

    /// Lets the lanes finish what is queued and end; whether they did within `limit`. Blocks.
    pub fn shutdown(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        self.sender().take();
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        while lanes.iter().any(|lane| !lane.is_finished()) {
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(SHUTDOWN_POLL);
        }
        lanes.drain(..).for_each(|lane| drop(lane.join()));
        true
    }

    fn sender(&self) -> std::sync::MutexGuard<'_, Option<Sender<credit::Job>>> {
        // The lock guards nothing that a panic could leave half-changed.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
