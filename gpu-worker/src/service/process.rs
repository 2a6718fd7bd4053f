//! The incoming half of a `Process` stream: Hello, then items, one after another, as far as the credit goes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use facesets_core::{
    pairing::ClientName,
    wire::{
        Assembled, Assembler, Item, ItemFailureKind, ItemReply, Origin, PROTOCOL_VERSION,
        proto::{self, process_request, process_response},
    },
};
use tokio::{sync::mpsc, time::timeout_at};
use tonic::{Status, Streaming};

use super::{COOLING, WorkerService, calls::Calls, pace::Pace};
use crate::{
    analyzer::failed,
    pool::{Slot, StreamPlace, Submitter},
    telemetry::{self, Refusal},
};

/// How long a client may take to say Hello.
const HELLO_LIMIT: Duration = Duration::from_secs(30);

/// What the reader says itself, beside the lanes' answers: one at a time, so that it waits for the client to
/// take it.
const IMMEDIATE: usize = 1;

pub(super) type Immediate = Result<proto::ProcessResponse, Status>;

/// Reads one stream.
pub(super) struct Reader {
    messages: Streaming<proto::ProcessRequest>,
    assembler: Assembler,
    /// Of the item that is incomplete.
    pace: Option<Pace>,
    submitter: Arc<Submitter>,
    immediate: mpsc::Sender<Immediate>,
    service: WorkerService,
    /// The client's place among the streams.
    place: Arc<StreamPlace>,
}

/// Why reading ends.
enum End {
    /// The client has sent all it wanted; what is in flight is still answered.
    Finished,
    /// The client is gone.
    Gone,
    /// The stream ends with this.
    Failed(Status),
    /// The same, and it is the client's fault.
    Violated(Status),
    /// Nobody knows the client any more.
    Revoked,
}

impl Reader {
    pub(super) fn new(
        service: WorkerService,
        messages: Streaming<proto::ProcessRequest>,
        submitter: Submitter,
        place: Arc<StreamPlace>,
    ) -> (Self, mpsc::Receiver<Immediate>) {
        let (immediate, receiver) = mpsc::channel(IMMEDIATE);
        let reader = Self {
            messages,
            assembler: Assembler::new(service.description.limits.max_bytes)
                .with_transcoded(service.max_transcoded),
            pace: None,
            submitter: Arc::new(submitter),
            immediate,
            service,
            place,
        };
        (reader, receiver)
    }

    /// Reads until there is nothing more to read, nobody to read the answers, or the client was `revoked`.
    pub(super) async fn run(mut self, revoked: impl Future<Output = ()>, calls: Option<Calls>) {
        let _open = telemetry::Held::stream();
        let answers = self.immediate.clone();
        let end = tokio::select! {
            biased;
            () = answers.closed() => End::Gone,
            () = revoked => End::Revoked,
            Err(end) = self.read() => end,
        };
        drop(answers);
        let (status, cooling) = match end {
            End::Finished => return,
            End::Gone => return tracing::debug!("a client has left"),
            End::Failed(status) => (status, Duration::ZERO),
            End::Violated(status) => (status, COOLING),
            End::Revoked => {
                // It hears why, if it listens; if not, the answers that it does not take go with the
                // connection.
                if let Some(calls) = calls {
                    calls.sever_in(COOLING);
                }
                (Status::unauthenticated("the client was revoked"), Duration::ZERO)
            }
        };
        tracing::info!(code = ?status.code(), message = status.message(), "a stream ends");
        let (immediate, place) = (self.immediate.clone(), Arc::clone(&self.place));
        // What has arrived of an item is of no use any more.
        drop(self);
        let _ = immediate.send(Err(status)).await;
        tokio::time::sleep(cooling).await;
        drop(place);
    }

    async fn read(&mut self) -> Result<std::convert::Infallible, End> {
        self.greet().await?;
        let drain = self.service.drain.clone();
        loop {
            // Credit first: without it nothing is read, and HTTP/2 makes the client wait.
            let mut slot = tokio::select! {
                biased;
                () = drain.cancelled() => return self.refuse_all().await,
                slot = self.submitter.reserve() => slot,
            };
            let assembled = tokio::select! {
                biased;
                () = drain.cancelled() => None,
                assembled = self.next(&mut slot) => Some(assembled?),
            };
            match assembled {
                Some(assembled) => self.take(assembled, slot).await?,
                None => drop(slot),
            }
        }
    }

    async fn greet(&mut self) -> Result<(), End> {
        let first = tokio::time::timeout(HELLO_LIMIT, self.messages.message()).await;
        let first = first.map_err(|_| End::Failed(Status::deadline_exceeded("no Hello came")))?;
        let kind = first.map_err(|_| End::Gone)?.ok_or(End::Finished)?.kind;
        let Some(process_request::Kind::Hello(hello)) = kind else {
            return Err(violation(&"the first message must be a Hello"));
        };
        let theirs = hello.protocol_version;
        if theirs != PROTOCOL_VERSION {
            return Err(End::Failed(Status::failed_precondition(format!(
                "this worker speaks protocol version {PROTOCOL_VERSION} and the client version {theirs}: \
                 update the older of the two"
            ))));
        }
        // It may say whatever it likes.
        tracing::info!(client = ClientName::resembling(&hello.client).as_str(), "a client says hello");
        let hello = process_response::Kind::Hello(self.service.described().await);
        self.say(proto::ProcessResponse { kind: Some(hello) }).await
    }

    async fn take(&mut self, assembled: Assembled, slot: Slot) -> Result<(), End> {
        let (id, kind, message) = match assembled {
            Assembled::Pending => return Ok(()),
            Assembled::Item(item) => {
                telemetry::item_received(item.data.len());
                self.submitter.submit(slot, item).await;
                return Ok(());
            }
            Assembled::TooLarge { id, total_bytes, origin } => {
                let message = match origin {
                    Origin::File => {
                        let max_bytes = self.service.description.limits.max_bytes;
                        format!("the file has {total_bytes} bytes, more than the limit of {max_bytes}")
                    }
                    Origin::Transcoded => format!(
                        "its pixels, which are sent as PNG, take {total_bytes} bytes, more than the {} that the worker \
                         has room for (half of its `max_bytes_in_flight`)",
                        self.service.max_transcoded
                    ),
                };
                (id, ItemFailureKind::TooLarge, message)
            }
            Assembled::BadTask { id, error } => (id, ItemFailureKind::Unsupported, error.to_string()),
        };
        self.answer(id, kind, message).await
    }

    /// While draining: every further item is refused, and the stream ends when all that were accepted are
    /// answered.
    async fn refuse_all(&mut self) -> Result<std::convert::Infallible, End> {
        let over = || End::Failed(Status::unavailable("the worker is shutting down"));
        self.assembler.keep_nothing();
        let submitter = Arc::clone(&self.submitter);
        loop {
            let assembled = tokio::select! {
                biased;
                () = submitter.all_answered() => return Err(over()),
                assembled = self.next_part() => assembled?,
            };
            let id = match assembled {
                Assembled::Pending => continue,
                Assembled::Item(Item { id, .. })
                | Assembled::TooLarge { id, .. }
                | Assembled::BadTask { id, .. } => id,
            };
            self.answer(id, ItemFailureKind::Draining, "the worker is shutting down".to_owned()).await?;
        }
    }

    /// The next whole item, or one that is refused, its bytes in `slot` as soon as it is known how many there
    /// are. Safe to cancel: what has arrived stays in the assembler.
    async fn next(&mut self, slot: &mut Slot) -> Result<Assembled, End> {
        loop {
            if let Some(bytes) = self.assembler.announced() {
                self.submitter.reserve_bytes(slot, bytes).await;
            }
            match self.next_part().await? {
                Assembled::Pending => {}
                whole => return Ok(whole),
            }
        }
    }

    /// What the next message completes; it must come in time if an item is incomplete. Safe to cancel.
    async fn next_part(&mut self) -> Result<Assembled, End> {
        let received = self.assembler.received();
        let message = match received {
            None => {
                self.pace = None;
                self.messages.message().await
            }
            Some(received) => {
                // From when it is read: until then, it is the client that waits.
                let pace = self.pace.get_or_insert_with(|| Pace::new(self.service.stall, Instant::now()));
                let message = timeout_at(pace.deadline(received).into(), self.messages.message()).await;
                message.map_err(|_| {
                    telemetry::refused(Refusal::Stalled);
                    let message = format!("an item does not go on: {received} bytes of it came in time");
                    End::Violated(Status::deadline_exceeded(message))
                })?
            }
        };
        let message = message.map_err(|status| match status.code() {
            // A message that cannot be decoded, or is too large, is the client's fault and not its absence.
            tonic::Code::Internal | tonic::Code::OutOfRange | tonic::Code::InvalidArgument => {
                violation(&status.message())
            }
            _ => End::Gone,
        })?;
        let Some(message) = message else {
            let done = std::mem::replace(&mut self.assembler, Assembler::new(0));
            return Err(done.finish().map_or_else(|broken| violation(&broken), |()| End::Finished));
        };
        self.assembler.accept(message).map_err(|broken| violation(&broken))
    }

    async fn answer(&self, id: u64, kind: ItemFailureKind, message: String) -> Result<(), End> {
        let reply = ItemReply { id, outcome: Err(failed(kind, message)) };
        self.say((&reply).into()).await
    }

    async fn say(&self, response: proto::ProcessResponse) -> Result<(), End> {
        self.immediate.send(Ok(response)).await.map_err(|_| End::Gone)
    }
}

/// A client that does not keep to the protocol.
fn violation(what: &impl ToString) -> End {
    telemetry::refused(Refusal::Protocol);
    End::Violated(Status::invalid_argument(what.to_string()))
}
