//! Which rows go together, and when: the shared device's queue, without threads or clocks.
//!
//! Rows of one kind (role and size) are gathered into one batch in the order in which they come. The batch is
//! made by those who bring the rows, so the next one lies ready while the device runs. The rules of
//! [`Batcher::choose`], in their order:
//!
//! 1. the oldest that is full (a model that takes one row has full batches only) or has been overtaken
//!    [`PATIENCE`] times;
//! 2. else the oldest, unless a lane is about to bring more rows: that is waited for, [`LINGER`] at most.
//!
//! A device that is never idle thus works in ever larger batches, and one that is idle waits for nothing that
//! is not near.

use std::time::{Duration, Instant};

use facesets_core::wire::ModelRole;

use super::Call;

/// How long an idle device waits for rows that are near: what cutting out a photo's faces takes, and less
/// than a run.
pub(super) const LINGER: Duration = Duration::from_millis(3);

/// How many full batches may overtake one that is not: as many photos as fill the largest batch with one face
/// each.
pub(super) const PATIENCE: usize = 32;

/// Rows on their way to the device, and who waits for them: `T` a call.
#[derive(Debug)]
pub(super) struct Batch<T> {
    pub(super) call: Call,
    /// Rows of each call, in order, and who brought them.
    pub(super) parts: Vec<(usize, T)>,
    limit: usize,
    since: Instant,
    overtaken: usize,
}

/// Batches that wait.
#[derive(Debug)]
pub(super) struct Batcher<T> {
    /// In the order of their first rows; of one kind only the last may have room.
    waiting: Vec<Batch<T>>,
}

/// What the device should do.
#[derive(Debug)]
pub(super) enum Choice<T> {
    /// Run this.
    Run(Batch<T>),
    /// Look again when something changes, or at this moment.
    WaitUntil(Instant),
    /// Look again when something changes.
    Wait,
}

impl<T> Batch<T> {
    /// How long its first rows have waited.
    pub(super) fn waited(&self) -> Duration {
        self.since.elapsed()
    }

    fn is_full(&self) -> bool {
        self.call.rows >= self.limit
    }

    fn takes(&self, role: ModelRole, side: usize, rows: usize) -> bool {
        self.call.role == role && self.call.side == side && self.call.rows + rows <= self.limit
    }
}

impl<T> Batcher<T> {
    pub(super) fn new() -> Self {
        Self { waiting: Vec::new() }
    }

    /// Rows that wait.
    #[cfg(test)]
    pub(super) fn rows(&self) -> usize {
        self.waiting.iter().map(|batch| batch.call.rows).sum()
    }

    /// Adds a call of at most `limit` rows.
    pub(super) fn add(&mut self, call: Call, who: T, limit: usize, now: Instant) {
        let (role, side, rows) = (call.role, call.side, call.rows);
        // Not into any but the last: rows of one kind are served in their order.
        let last = self.waiting.iter_mut().rfind(|batch| (batch.call.role, batch.call.side) == (role, side));
        match last.filter(|batch| batch.takes(role, side, rows)) {
            Some(batch) => {
                batch.call.rows += rows;
                batch.call.values.extend_from_slice(&call.values);
                batch.parts.push((rows, who));
            }
            None => {
                self.waiting.push(Batch { call, parts: vec![(rows, who)], limit, since: now, overtaken: 0 });
            }
        }
    }

    /// What to do next; `more_is_near`: whether a lane is between two calls.
    pub(super) fn choose(&mut self, now: Instant, more_is_near: bool) -> Choice<T> {
        let due = |batch: &Batch<T>| batch.is_full() || batch.overtaken >= PATIENCE;
        if let Some(index) = self.waiting.iter().position(due) {
            self.waiting[..index].iter_mut().for_each(|batch| batch.overtaken += 1);
            return Choice::Run(self.waiting.remove(index));
        }
        match self.waiting.first() {
            None => Choice::Wait,
            Some(oldest) if more_is_near && now.saturating_duration_since(oldest.since) < LINGER => {
                Choice::WaitUntil(oldest.since + LINGER)
            }
            Some(_) => Choice::Run(self.waiting.remove(0)),
        }
    }
}
