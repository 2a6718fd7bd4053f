//! All workers at work on one queue.

use std::sync::Arc;

use facesets_core::wire::Task;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

use super::{
    Connection, DispatchError, Event, Load, Patience, Queue, WorkerSource,
    lifecycle::keep,
    shared::{LOADS, Shared},
};

/// A worker and what it is asked to do with every item.
#[derive(Debug, Clone)]
pub struct Worker {
    /// How it is reached.
    pub connection: Connection,
    /// Its tasks with their packs, of every item, at least one.
    pub tasks: Vec<Task>,
    /// Where it comes from, and how it is got back.
    pub origin: WorkerSource,
}

/// Works through the queue. Ends when every item is answered, when the queue was told to stop and what was in
/// flight is answered, or, with an error, when no worker is left and none came back.
pub async fn run(
    workers: Vec<Worker>,
    queue: Arc<Queue>,
    load: Load,
    events: mpsc::Sender<Event>,
    patience: Patience,
) -> Result<(), DispatchError> {
    let loading = Arc::new(Semaphore::new(LOADS));
    let shared = Arc::new(Shared { queue: Arc::clone(&queue), load, events, patience, loading });
    let mut streams = JoinSet::new();
    queue.enlist(workers.len());
    for (number, worker) in workers.into_iter().enumerate() {
        streams.spawn(keep(worker, number, Arc::clone(&shared)));
    }
    let mut reasons = Vec::new();
    while let Some(ended) = streams.join_next().await {
        queue.left();
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => {
                tracing::error!(reason, "worker given up");
                if !streams.is_empty() {
                    // Of the last one, the error tells.
                    shared.tell(format!("a worker is left out: {reason}")).await;
                }
                reasons.push(reason);
            }
            Err(error) => reasons.push(error.to_string()),
        }
    }
    let open = queue.open();
    if open == 0 || queue.is_stopped() {
        Ok(())
    } else {
        Err(DispatchError::EveryWorkerGone { open, reasons })
    }
}
