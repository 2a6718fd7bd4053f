//! All workers at work on one queue.

use std::sync::Arc;

use facesets_core::wire::AnalyzeFaces;
use tokio::{sync::mpsc, task::JoinSet};

use super::{Answer, Connection, DispatchError, Load, Queue, stream::drive};

/// A worker and what it is asked to do.
#[derive(Debug, Clone)]
pub struct Worker {
    /// The way to it.
    pub connection: Connection,
    /// Its task, with its pack.
    pub task: AnalyzeFaces,
}

/// What the streams of all workers share.
pub(super) struct Shared {
    pub(super) queue: Arc<Queue>,
    pub(super) load: Load,
    pub(super) answers: mpsc::Sender<Answer>,
}

/// Works through the queue. Ends when every item is answered, when the queue was told to stop and what was in flight is
/// answered, or, with an error, when no worker is left.
pub async fn run(
    workers: Vec<Worker>,
    queue: Arc<Queue>,
    load: Load,
    answers: mpsc::Sender<Answer>,
) -> Result<(), DispatchError> {
    let shared = Arc::new(Shared { queue: Arc::clone(&queue), load, answers });
    let mut streams = JoinSet::new();
    for Worker { connection, task } in workers {
        let address = connection.address().to_owned();
        let stream = drive(connection, task, Arc::clone(&shared));
        streams.spawn(async move { (address, stream.await) });
    }
    let mut reasons = Vec::new();
    while let Some(ended) = streams.join_next().await {
        match ended {
            Ok((_, Ok(()))) => {}
            Ok((address, Err(lost))) => {
                tracing::error!(address, reason = %lost, "worker lost");
                reasons.push(format!("`{address}`: {lost}"));
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
