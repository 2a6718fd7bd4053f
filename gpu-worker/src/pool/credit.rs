//! One stream's way to the lanes and back, within its credit.
//!
//! An item holds its credit from before it is read until its answer is taken out by [`Answers`]. So the channel of answers, as long as the
//! credit, never fills up and a lane never waits for a client; and a client that does not read its answers is not read from.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use facesets_core::wire::{Credit, Item, ItemFailureKind, ItemOutcome, ItemReply};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::Pool;
use crate::analyzer::failed;

/// Bytes are counted in units of this, since a semaphore counts to 2³².
const BYTES_PER_UNIT: u64 = 1024;

/// The sending half.
#[derive(Debug)]
pub struct Submitter {
    pool: Arc<Pool>,
    answers: mpsc::Sender<Answer>,
    items: Arc<Semaphore>,
    max_items: u32,
    bytes: Arc<Semaphore>,
    max_units: u32,
}

/// The receiving half.
#[derive(Debug)]
pub struct Answers(mpsc::Receiver<Answer>);

/// Credit for one item that has not been read yet.
#[derive(Debug)]
pub struct Slot(OwnedSemaphorePermit);

/// An item on its way to a lane.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) received: Instant,
    work: Work,
    place: OwnedSemaphorePermit,
}

/// An item that a lane works on.
#[derive(Debug)]
pub(super) struct Work {
    item: Item,
    answers: mpsc::Sender<Answer>,
    credit: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

/// A reply that still holds its item's credit.
#[derive(Debug)]
struct Answer {
    reply: ItemReply,
    _credit: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

pub(super) fn open(pool: Arc<Pool>, credit: Credit) -> (Submitter, Answers) {
    let max_items = credit.max_items.max(1);
    let max_units = u32::try_from(credit.max_bytes / BYTES_PER_UNIT).unwrap_or(u32::MAX).max(1);
    // As long as the credit: see the module's description.
    let (answers, receiver) = mpsc::channel(max_items as usize);
    let submitter = Submitter {
        pool,
        answers,
        items: Arc::new(Semaphore::new(max_items as usize)),
        max_items,
        bytes: Arc::new(Semaphore::new(max_units as usize)),
        max_units,
    };
    (submitter, Answers(receiver))
}

impl Submitter {
    /// Waits until one more item may be in flight.
    pub async fn reserve(&self) -> Slot {
        Slot(acquire(&self.items, 1).await)
    }

    /// Hands an item to the lanes, as soon as its bytes are within the credit and the queue has a place.
    ///
    /// A pool that has been shut down answers with [`ItemFailureKind::Draining`].
    pub async fn submit(&self, slot: Slot, item: Item) {
        let received = Instant::now();
        let units = u32::try_from((item.data.len() as u64).div_ceil(BYTES_PER_UNIT)).unwrap_or(u32::MAX);
        // An item larger than the whole credit gets all of it.
        let bytes = acquire(&self.bytes, units.clamp(1, self.max_units)).await;
        let place = acquire(&self.pool.places, 1).await;
        let work = Work { item, answers: self.answers.clone(), credit: (slot.0, bytes) };
        let job = Job { received, work, place };
        let refused = match &*self.pool.sender() {
            Some(jobs) => jobs.send(job).map_err(|error| error.0).err(),
            None => Some(job),
        };
        if let Some(job) = refused {
            job.work.answer(Err(failed(ItemFailureKind::Draining, "the worker is shutting down")));
        }
    }

    /// Waits until every item of this stream is answered and its answer taken. No [`Slot`] may be held meanwhile.
    pub async fn all_answered(&self) {
        drop(acquire(&self.items, self.max_items).await);
    }
}

impl Answers {
    /// The next reply, in the order in which the lanes finish; `None` when the [`Submitter`] is gone and every item answered.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<ItemReply>> {
        let answer = ready!(self.0.poll_recv(context));
        Poll::Ready(answer.map(|answer| answer.reply))
    }
}

impl Job {
    /// The work, and its place in the queue freed; `None` if nobody waits for it any more.
    pub(super) fn take(self) -> Option<Work> {
        drop(self.place);
        (!self.work.answers.is_closed()).then_some(self.work)
    }
}

impl Work {
    pub(super) fn item(&self) -> &Item {
        &self.item
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
