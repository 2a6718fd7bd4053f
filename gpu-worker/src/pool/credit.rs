//! One stream's way to the lanes and back, within its credit.
//!
//! An item holds its credit from before it is read until its answer is taken out by [`Answers`]. So the
//! channel of answers, as long as the credit, never fills up and a lane never waits for a client; and a
//! client that does not read its answers is not read from.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use facesets_core::wire::{Credit, Item, ItemFailureKind, ItemOutcome, ItemReply, Task};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{
    Pool,
    admission::QueueSlot,
    clients::{Client, Held, Purse},
};
use crate::analyzer::failed;

/// Characters of a word of a client's that are told: it may call a pack whatever it likes.
const MAX_WORD: usize = 64;

/// The sending half.
#[derive(Debug)]
pub struct Submitter {
    pool: Arc<Pool>,
    client: Arc<Client>,
    label: Arc<str>,
    answers: mpsc::Sender<Answer>,
    items: Arc<Semaphore>,
    max_items: u32,
    bytes: Purse,
}

/// The receiving half.
#[derive(Debug)]
pub struct Answers(mpsc::Receiver<Answer>);

/// Credit for one item, and for its bytes once it is known how many there are.
#[derive(Debug)]
pub struct Slot {
    _item: OwnedSemaphorePermit,
    bytes: Option<(OwnedSemaphorePermit, Held)>,
}

/// An item on its way to a lane.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) received: Instant,
    work: Work,
}

/// An item that a lane works on.
#[derive(Debug)]
pub(super) struct Work {
    item: Item,
    /// Whose it is.
    label: Arc<str>,
    answers: mpsc::Sender<Answer>,
    credit: Slot,
    place: QueueSlot,
}

/// A reply that still holds its item's credit.
#[derive(Debug)]
struct Answer {
    reply: ItemReply,
    _credit: Slot,
}

pub(super) fn open(
    pool: Arc<Pool>,
    client: Arc<Client>,
    label: Arc<str>,
    credit: Credit,
) -> (Submitter, Answers) {
    let max_items = credit.max_items.max(1);
    // As long as the credit: see the module's description.
    let (answers, receiver) = mpsc::channel(max_items as usize);
    let submitter = Submitter {
        pool,
        client,
        label,
        answers,
        items: Arc::new(Semaphore::new(max_items as usize)),
        max_items,
        bytes: Purse::new(credit.max_bytes),
    };
    (submitter, Answers(receiver))
}

impl Submitter {
    /// Waits until one more item may be in flight.
    pub async fn reserve(&self) -> Slot {
        Slot { _item: acquire(&self.items, 1).await, bytes: None }
    }

    /// Waits until the item's bytes may be in flight, of this stream, its client and everybody; once for each
    /// slot. To be called as soon as it is known how many there will be, so that they have their place before
    /// they come. An item larger than a whole credit gets all of it.
    pub async fn reserve_bytes(&self, slot: &mut Slot, bytes: u64) {
        if slot.bytes.is_none() {
            let of_stream = self.bytes.take(bytes).await;
            slot.bytes = Some((of_stream, self.client.hold(bytes).await));
        }
    }

    /// Hands an item to the lanes, as soon as its bytes are within the credit and it is the client's turn.
    ///
    /// A pool that has been shut down answers with [`ItemFailureKind::Draining`].
    pub async fn submit(&self, mut slot: Slot, item: Item) {
        let received = Instant::now();
        let bytes = item.data.len();
        self.reserve_bytes(&mut slot, bytes as u64).await;
        let place = self.pool.gate.enter(&self.client, bytes).await;
        let label = Arc::clone(&self.label);
        let work = Work { item, label, answers: self.answers.clone(), credit: slot, place };
        let job = Job { received, work };
        let refused = match &*self.pool.sender() {
            Some(jobs) => jobs.send(job).map_err(|error| error.0).err(),
            None => Some(job),
        };
        if let Some(job) = refused {
            job.work.answer(Err(failed(ItemFailureKind::Draining, "the worker is shutting down")));
        }
    }

    /// Waits until every item of this stream is answered and its answer taken. No [`Slot`] may be held
    /// meanwhile.
    pub async fn all_answered(&self) {
        drop(acquire(&self.items, self.max_items).await);
    }
}

impl Answers {
    /// The next reply, in the order in which the lanes finish; `None` when the [`Submitter`] is gone and
    /// every item answered.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<ItemReply>> {
        let answer = ready!(self.0.poll_recv(context));
        Poll::Ready(answer.map(|answer| answer.reply))
    }
}

impl Job {
    /// The work, and its place in the queue freed; `None` if nobody waits for it any more.
    pub(super) fn take(self) -> Option<Work> {
        let mut work = self.work;
        if work.answers.is_closed() {
            return None;
        }
        work.place.begin();
        Some(work)
    }
}

impl Work {
    pub(super) fn item(&self) -> &Item {
        &self.item
    }

    /// What is said of it while it is worked on: whose it is and what it asks for, nothing of what is in it.
    pub(super) fn span(&self) -> tracing::Span {
        let pack = |task: &Task| task.pack().chars().take(MAX_WORD).collect::<String>();
        tracing::debug_span!(
            "item",
            item = self.item.id,
            client = &*self.label,
            pack = self.item.tasks.first().map(pack),
            tasks = self.item.tasks.len(),
            bytes = self.item.data.len()
        )
    }

    pub(super) fn answer(self, outcome: ItemOutcome) {
        let reply = ItemReply { id: self.item.id, outcome };
        // Never full; an error says that the client has left, and then nobody misses the answer.
        let _ = self.answers.try_send(Answer { reply, _credit: self.credit });
    }
}

async fn acquire(semaphore: &Arc<Semaphore>, count: u32) -> OwnedSemaphorePermit {
    Arc::clone(semaphore).acquire_many_owned(count).await.expect("these semaphores are never closed")
}
