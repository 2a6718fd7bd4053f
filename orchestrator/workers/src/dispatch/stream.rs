//! One worker's stream: feeding it within its credit, and hearing its answers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use facesets_base::plausible::{Extent, check_result};
use facesets_core::wire::{
    Encoded, Item, ItemFailure, ItemFailureKind, ItemReply, Origin, PROTOCOL_VERSION, Task, TaskResult,
    Timings,
    proto::{self, process_request, process_response},
    requests_of,
};
use facesets_imaging::upright_size;
use tokio::sync::{Mutex, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{
    Connection, MAX_TRIES, Measured, Queue, Refusal, Work,
    connection::message,
    member::Member,
    shared::Shared,
    window::{InFlight, Window},
};

/// Messages ahead of the transport, which has buffers of its own: one to be taken while the next is made.
pub(super) const OUTBOX: usize = 2;

/// How long a worker may take to answer the Hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(30);

/// Files are read one at a time, which disks and the processor's cache like best, unless one takes longer
/// than this: a distant file server answers several at once faster than one after the other, and a photo that
/// must be transcoded keeps a core busy.
const SLOW_LOAD: Duration = Duration::from_millis(5);

/// How long a worker that has nothing more to do may take to end its stream.
const LEAVE: Duration = Duration::from_secs(1);

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
    /// What it looks like.
    pub(super) end: End,
}

/// How a stream ended although there was more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The link, or the worker.
    Broken,
    /// The worker was still there, but did nothing.
    Hung,
    /// The worker takes no more, it says.
    Draining,
    /// Nothing that the worker says is believed any more.
    Discredited,
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
    member: Arc<Member>,
    shared: Arc<Shared>,
) -> Result<(), Broken> {
    let (outbox, messages) = mpsc::channel(OUTBOX);
    let mut replies = match open(&mut connection, &outbox, messages).await {
        Ok(replies) => replies,
        Err(lost) => return Err(Broken { lost, in_flight: Vec::new(), answered: 0, end: End::Broken }),
    };
    let window = Arc::new(Window::new(connection.description().credit));
    let feeder = Feeder {
        member: Arc::clone(&member),
        window: Arc::clone(&window),
        outbox: Arc::new(Mutex::new(outbox)),
        shared: Arc::clone(&shared),
    };
    // It owns what it has taken from the queue, so it is never aborted: it ends when the window closes.
    let feeding = tokio::spawn(feeder.run());
    let listener = Listener {
        connection,
        past,
        member: Arc::clone(&member),
        window: Arc::clone(&window),
        shared: Arc::clone(&shared),
        drained: AtomicBool::new(false),
    };
    let heard = listener.run(&mut replies).await;
    let end = if member.is_discredited() {
        End::Discredited
    } else if window.quiet_for() >= shared.patience.silence {
        End::Hung
    } else if listener.is_draining() {
        End::Draining
    } else {
        End::Broken
    };
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
    Err(Broken { lost, in_flight, answered: window.answered(), end })
}

/// Opens a stream and says hello.
pub(super) async fn open(
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
    member: Arc<Member>,
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
                work = self.shared.queue.next(self.member.number) => work,
            };
            let Some(work) = work else { return };
            let sha256 = work.sha256;
            let id = match self.window.admit(work).await {
                Ok(id) => id,
                Err(work) => return self.shared.queue.give_back(work),
            };
            let turn = tokio::select! {
                () = self.window.closed() => return,
                turn = Arc::clone(&self.shared.loading).acquire_owned() => turn,
            };
            let load = Arc::clone(&self.shared.load);
            let mut loading = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                let image = load(&sha256)?;
                // What cannot be told here is not compared.
                let extent =
                    upright_size(&image.data).and_then(|(width, height)| Extent::new(width, height).ok());
                Ok((image, extent))
            });
            let loaded = tokio::time::timeout(SLOW_LOAD, &mut loading).await;
            let (tasks, outbox) = (self.member.tasks.clone(), Arc::clone(&self.outbox));
            let (window, shared) = (Arc::clone(&self.window), Arc::clone(&self.shared));
            tokio::spawn(async move {
                let loaded = match loaded {
                    Ok(loaded) => loaded,
                    Err(_slow) => loading.await,
                };
                match loaded.unwrap_or_else(|error| Err(error.to_string())) {
                    Ok((Encoded { data, origin }, extent)) => {
                        window.read(id, data.len() as u64, extent);
                        let item = Item { id, tasks, data };
                        send(&outbox, &item, origin, &window, &shared).await;
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
async fn send(outbox: &Outbox, item: &Item, origin: Origin, window: &Window, shared: &Shared) {
    let outbox = outbox.lock().await;
    for request in requests_of(item, origin) {
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
    member: Arc<Member>,
    window: Arc<Window>,
    shared: Arc<Shared>,
    drained: AtomicBool,
}

impl Listener {
    async fn run(&self, replies: &mut Streaming<proto::ProcessResponse>) -> Result<(), Lost> {
        loop {
            if self.is_draining() && self.window.is_empty() {
                return Err(Lost("it is shutting down, it says".to_owned()));
            }
            let reply = tokio::select! {
                () = self.shared.events.closed() => return Err(Lost("nobody takes the answers".to_owned())),
                () = self.hangs() => {
                    return Err(Lost(format!("it did nothing for {:?}", self.shared.patience.silence)));
                }
                () = self.over() => return self.ended(),
                reply = replies.message() => reply.map_err(|status| Lost(message(&status)))?,
            };
            let Some(reply) = reply else { return self.ended() };
            let about = ItemReply::item_of(&reply);
            let item = about.ok_or_else(|| Lost("it sent a message about nothing".to_owned()))?;
            let work = self.window.take(item);
            let work =
                work.ok_or_else(|| Lost(format!("it answered item {item}, which was not in flight")))?;
            match ItemReply::try_from(reply).map(|reply| reply.outcome) {
                Err(error) => self.cannot_be(work, item, error.to_string()).await?,
                Ok(Err(failure)) => self.failed(work, item, failure).await?,
                Ok(Ok((results, timings))) => self.settle(work, item, results, timings).await?,
            }
        }
    }

    /// Whether the worker says that it takes no more.
    fn is_draining(&self) -> bool {
        self.drained.load(Ordering::Relaxed)
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

    /// Waits until there is nothing to wait for, and the worker has had time to end the stream.
    async fn over(&self) {
        self.shared.queue.ended().await;
        loop {
            self.window.emptied().await;
            tokio::time::sleep(LEAVE).await;
            if self.window.is_empty() {
                return;
            }
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

    async fn settle(
        &self,
        work: Work,
        item: u64,
        results: Vec<TaskResult>,
        timings: Timings,
    ) -> Result<(), Lost> {
        if !are_answered_by(&self.member.tasks, &results) {
            let kind = ItemFailureKind::ContractMismatch;
            let message = "the worker answered something else than what it was asked for".to_owned();
            return self.is_wrong(work, item, Refusal::Worker(ItemFailure { kind, message })).await;
        }
        if let Some(problem) = results.iter().find_map(|result| check_result(result, work.extent).err()) {
            return self.cannot_be(work, item, problem.to_string()).await;
        }
        tracing::debug!(
            item,
            content = %work.sha256.short(),
            queue_us = timings.queue.as_micros() as u64,
            decode_us = timings.decode.as_micros() as u64,
            infer_us = timings.infer.as_micros() as u64,
            "analysed"
        );
        self.count_answer();
        let worker = Arc::clone(self.connection.description());
        self.shared.answer(work, Ok(Measured { results, timings, worker })).await;
        Ok(())
    }

    /// The worker says why there is no result.
    async fn failed(&self, work: Work, item: u64, failure: ItemFailure) -> Result<(), Lost> {
        match failure.kind {
            // Its fault, not the item's: others, or a later run, do it.
            ItemFailureKind::Draining => {
                self.drained.store(true, Ordering::Relaxed);
                self.window.close();
                self.shared.queue.give_back(work);
                Ok(())
            }
            ItemFailureKind::DeviceLost => {
                // No answer to speak of: a worker that says nothing else is of no use.
                let lost = Lost(format!("its device is lost: {}", failure.message));
                if self.past == Past::Known && self.window.answered() == 0 {
                    // It was lost before this one came.
                    give_back_later(Arc::clone(&self.shared.queue), work);
                } else {
                    self.try_again(work, item, Refusal::Worker(failure)).await;
                }
                Err(lost)
            }
            kind => {
                self.count_answer();
                let refusal = Refusal::Worker(failure);
                if kind.is_retryable() {
                    self.try_again(work, item, refusal).await;
                } else {
                    tracing::warn!(item, content = %work.sha256.short(), %refusal, "failed");
                    self.shared.answer(work, Err(refusal)).await;
                }
                Ok(())
            }
        }
    }

    fn count_answer(&self) {
        self.window.count_answer();
        self.member.has_answered();
    }

    /// What the worker says of an item is nothing that can be.
    async fn cannot_be(&self, work: Work, item: u64, problem: String) -> Result<(), Lost> {
        let worker = self.connection.label().to_owned();
        self.is_wrong(work, item, Refusal::Implausible { worker, problem }).await
    }

    /// Its fault, so that others are asked; and it is asked no more if it is at fault often.
    async fn is_wrong(&self, work: Work, item: u64, refusal: Refusal) -> Result<(), Lost> {
        // A photo that it is asked about again counts once.
        if work.failed_on != Some(self.member.number) {
            self.member.was_wrong();
        }
        let lost = Lost(format!("one answer after the other cannot be true; the last: {refusal}"));
        self.try_again(work, item, refusal).await;
        if self.member.is_discredited() { Err(lost) } else { Ok(()) }
    }

    /// Tries an item again, elsewhere if there is anybody else, as long as that may help; else the refusal is
    /// its answer.
    async fn try_again(&self, mut work: Work, item: u64, refusal: Refusal) {
        work.tries += 1;
        work.failed_on = Some(self.member.number);
        tracing::warn!(item, content = %work.sha256.short(), tries = work.tries, %refusal, "failed");
        if work.tries < MAX_TRIES {
            give_back_later(Arc::clone(&self.shared.queue), work);
        } else {
            self.shared.answer(work, Err(refusal)).await;
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
