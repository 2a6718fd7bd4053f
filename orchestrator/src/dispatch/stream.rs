//! One worker's stream: feeding it within its credit, and hearing its answers.

use std::{sync::Arc, time::Duration};

use facesets_core::wire::{
    Item, ItemFailure, ItemFailureKind, ItemOutcome, ItemReply, PROTOCOL_VERSION, Task, TaskResult, proto,
    proto::{process_request, process_response},
    requests,
};
use tokio::sync::{Mutex, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{
    Connection, MAX_TRIES, Measured, Queue, Refusal, Work, WorkerNumber,
    connection::message,
    shared::Shared,
    window::{InFlight, Window},
};

/// Messages ahead of the transport, which has buffers of its own: one to be taken while the next is made.
const OUTBOX: usize = 2;

/// How long a worker may take to answer the Hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(30);

/// Files are read one at a time, which disks and the processor's cache like best, unless one takes longer than this: a distant file
/// server answers several at once faster than one after the other, and a photo that must be transcoded keeps a core busy.
const SLOW_LOAD: Duration = Duration::from_millis(5);

/// Before an item is tried again: the pressure that made it fail must have a chance to pass.
const RETRY_DELAY: Duration = Duration::from_millis(250);

/// Why a stream ended although there was more to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Lost(String);

/// A stream that ended although there was more to do.
#[derive(Debug)]
pub(super) struct Broken {
    /// Why.
    pub(super) lost: Lost,
    /// What was not answered.
    pub(super) in_flight: InFlight,
    /// How many were.
    pub(super) answered: u64,
    /// Whether the worker was still there, but did nothing.
    pub(super) hung: bool,
}

/// Shared by the tasks of one stream, which must not mix the messages of two items.
type Outbox = Arc<Mutex<mpsc::Sender<proto::ProcessRequest>>>;

/// Whether a worker has had a stream before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Past {
    /// Its process has not.
    None,
    /// It has, and the stream ended early.
    Known,
}

/// Works through the queue on one connection until the queue is finished or the connection breaks.
pub(super) async fn drive(
    mut connection: Connection,
    past: Past,
    tasks: Vec<Task>,
    number: WorkerNumber,
    shared: Arc<Shared>,
) -> Result<(), Broken> {
    let (outbox, messages) = mpsc::channel(OUTBOX);
    let mut replies = match open(&mut connection, &outbox, messages).await {
        Ok(replies) => replies,
        Err(lost) => return Err(Broken { lost, in_flight: Vec::new(), answered: 0, hung: false }),
    };
    let window = Arc::new(Window::new(connection.description().credit));
    let feeder = Feeder {
        tasks: tasks.clone(),
        number,
        window: Arc::clone(&window),
        outbox: Arc::new(Mutex::new(outbox)),
        shared: Arc::clone(&shared),
    };
    // It owns what it has taken from the queue, so it is never aborted: it ends when the window closes.
    let feeding = tokio::spawn(feeder.run());
    let listener = Listener {
        connection,
        past,
        tasks,
        number,
        window: Arc::clone(&window),
        shared: Arc::clone(&shared),
    };
    let heard = listener.run(&mut replies).await;
    let hung = window.quiet_for() >= shared.patience.silence;
    window.close();
    let fed = feeding.await;
    let in_flight = window.take_all();
    let lost = match (heard, fed) {
        (Err(lost), _) => lost,
        (Ok(()), Err(error)) => Lost(format!("sending failed: {error}")),
        (Ok(()), Ok(())) => {
            // Only an end in order gets here, with nothing in flight.
            return Ok(());
        }
    };
    Err(Broken { lost, in_flight, answered: window.answered(), hung })
}

async fn open(
    connection: &mut Connection,
    outbox: &mpsc::Sender<proto::ProcessRequest>,
    messages: mpsc::Receiver<proto::ProcessRequest>,
) -> Result<Streaming<proto::ProcessResponse>, Lost> {
    let client = concat!("facesets ", env!("CARGO_PKG_VERSION")).to_owned();
    let hello = proto::ClientHello { protocol_version: PROTOCOL_VERSION, client };
    let hello = proto::ProcessRequest { kind: Some(process_request::Kind::Hello(hello)) };
    let greet = async {
        outbox.send(hello).await.map_err(|_| Lost("the stream closed at once".to_owned()))?;
        let response = connection.client.process(ReceiverStream::new(messages)).await;
        let mut replies = response.map_err(|status| Lost(message(&status)))?.into_inner();
        match replies.message().await.map_err(|status| Lost(message(&status)))?.and_then(|reply| reply.kind) {
            Some(process_response::Kind::Hello(_)) => Ok(replies),
            _ => Err(Lost("it did not say hello".to_owned())),
        }
    };
    tokio::time::timeout(HELLO_TIMEOUT, greet)
        .await
        .unwrap_or_else(|_| Err(Lost("it did not say hello in time".to_owned())))
}

/// Takes work from the queue as the credit allows, reads it and sends it.
struct Feeder {
    tasks: Vec<Task>,
    number: WorkerNumber,
    window: Arc<Window>,
    outbox: Outbox,
    shared: Arc<Shared>,
}

impl Feeder {
    /// Dropping the last clone of the outbox, at its end, tells the worker that no more will come.
    async fn run(self) {
        loop {
            let work = tokio::select! {
                () = self.window.closed() => return,
                work = self.shared.queue.next(self.number) => work,
            };
            let Some(work) = work else { return };
            let sha256 = work.sha256;
            let id = match self.window.admit(work).await {
                Ok(id) => id,
                Err(work) => return self.shared.queue.give_back(work),
            };
            let load = Arc::clone(&self.shared.load);
            let mut loading = tokio::task::spawn_blocking(move || load(&sha256));
            let loaded = tokio::time::timeout(SLOW_LOAD, &mut loading).await;
            let (tasks, outbox) = (self.tasks.clone(), Arc::clone(&self.outbox));
            let (window, shared) = (Arc::clone(&self.window), Arc::clone(&self.shared));
            tokio::spawn(async move {
                let loaded = match loaded {
                    Ok(loaded) => loaded,
                    Err(_slow) => loading.await,
                };
                match loaded.unwrap_or_else(|error| Err(error.to_string())) {
                    Ok(data) => {
                        let item = Item { id, tasks, data };
                        send(&outbox, &item, &window, &shared).await;
                    }
                    Err(reason) => {
                        if let Some(work) = window.take(id) {
                            shared.answer(work, Err(Refusal::Load(reason))).await;
                        }
                    }
                }
            });
        }
    }
}

/// If the stream is gone, the item is still in the window, from where it goes back to the queue.
async fn send(outbox: &Outbox, item: &Item, window: &Window, shared: &Shared) {
    let outbox = outbox.lock().await;
    for request in requests(item) {
        window.sending(item.id);
        if outbox.send(request).await.is_err() {
            return;
        }
    }
    shared.queue.count_sent();
    tracing::debug!(item = item.id, bytes = item.data.len(), "sent");
}

/// Matches answers with what is in flight.
struct Listener {
    connection: Connection,
    past: Past,
    tasks: Vec<Task>,
    number: WorkerNumber,
    window: Arc<Window>,
    shared: Arc<Shared>,
}

impl Listener {
    async fn run(&self, replies: &mut Streaming<proto::ProcessResponse>) -> Result<(), Lost> {
        loop {
            let reply = tokio::select! {
                () = self.shared.events.closed() => return Err(Lost("nobody takes the answers".to_owned())),
                () = self.hangs() => {
                    return Err(Lost(format!("it did nothing for {:?}", self.shared.patience.silence)));
                }
                reply = replies.message() => reply.map_err(|status| Lost(message(&status)))?,
            };
            let Some(reply) = reply else { return self.ended() };
            let reply = ItemReply::try_from(reply)
                .map_err(|error| Lost(format!("it sent a message that means nothing: {error}")))?;
            let unknown = || Lost(format!("it answered item {}, which was not in flight", reply.id));
            match reply.outcome {
                Err(failure) if failure.kind == ItemFailureKind::DeviceLost => {
                    // No answer to speak of: a worker that says nothing else is of no use.
                    let work = self.window.take(reply.id).ok_or_else(unknown)?;
                    let lost = Lost(format!("its device is lost: {}", failure.message));
                    if self.past == Past::Known && self.window.answered() == 0 {
                        // It was lost before this one came.
                        give_back_later(Arc::clone(&self.shared.queue), work);
                    } else {
                        self.failed(work, reply.id, failure).await;
                    }
                    return Err(lost);
                }
                outcome => {
                    let work = self.window.take_answered(reply.id).ok_or_else(unknown)?;
                    self.settle(work, reply.id, outcome).await;
                }
            }
        }
    }

    /// Waits until the worker has been silent for too long.
    async fn hangs(&self) {
        loop {
            let left = self.shared.patience.silence.saturating_sub(self.window.quiet_for());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }

    /// The worker ends the stream after us, or on its own.
    fn ended(&self) -> Result<(), Lost> {
        let queue = &self.shared.queue;
        let unanswered = !self.window.is_empty();
        if unanswered || (queue.open() > 0 && !queue.is_stopped()) {
            return Err(Lost("it ended the stream".to_owned()));
        }
        Ok(())
    }

    async fn settle(&self, work: Work, item: u64, outcome: ItemOutcome) {
        let outcome = match outcome {
            Ok((results, timings)) if are_answered_by(&self.tasks, &results) => {
                tracing::debug!(
                    item,
                    content = %work.sha256.short(),
                    queue_us = timings.queue.as_micros() as u64,
                    decode_us = timings.decode.as_micros() as u64,
                    infer_us = timings.infer.as_micros() as u64,
                    "analysed"
                );
                let worker = Arc::clone(self.connection.description());
                Ok(Measured { results, timings, worker })
            }
            Ok(_) => Err(ItemFailure {
                kind: ItemFailureKind::ContractMismatch,
                message: "the worker answered something else than what it was asked for".to_owned(),
            }),
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(measured) => self.shared.answer(work, Ok(measured)).await,
            // Its fault, not the item's: others, or a later run, do it.
            Err(failure) if failure.kind == ItemFailureKind::Draining => {
                self.window.close();
                self.shared.queue.give_back(work);
            }
            Err(failure) => self.failed(work, item, failure).await,
        }
    }

    /// Tries an item again where that may help, else takes the failure for its answer.
    async fn failed(&self, mut work: Work, item: u64, failure: ItemFailure) {
        work.tries += 1;
        work.failed_on = Some(self.number);
        tracing::warn!(
            item, content = %work.sha256.short(), kind = %failure.kind, tries = work.tries,
            message = failure.message, "failed"
        );
        if failure.kind.is_retryable() && work.tries < MAX_TRIES {
            give_back_later(Arc::clone(&self.shared.queue), work);
        } else {
            self.shared.answer(work, Err(Refusal::Worker(failure))).await;
        }
    }
}

/// Whether each task has its answer, in the same order.
fn are_answered_by(tasks: &[Task], results: &[TaskResult]) -> bool {
    tasks.len() == results.len()
        && tasks.iter().zip(results).all(|(task, result)| task.is_answered_by(result))
}

fn give_back_later(queue: Arc<Queue>, work: Work) {
    tokio::spawn(async move {
        tokio::time::sleep(RETRY_DELAY * work.tries).await;
        queue.give_back(work);
    });
}
