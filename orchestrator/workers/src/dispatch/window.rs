//! What is in flight on one connection, within the worker's credit.
//!
//! Whoever takes an item out of the window owns it: its answer, its failure, or its way back to the queue. So
//! nothing is answered twice and nothing is lost, whatever breaks when.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use facesets_base::plausible::Extent;
use facesets_core::wire::Credit;
use tokio::sync::Notify;

use super::Work;

/// Most items and bytes in flight to one worker, whatever it offers: what is in flight is in our memory. A
/// worker offers 256 MiB, and two items a lane.
const MAX_CREDIT: Credit = Credit { max_items: 256, max_bytes: 256 << 20 };

/// What was in flight, and whether any of it had been sent.
pub(super) type InFlight = Vec<(Work, Sent)>;

/// Whether a worker can have seen an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// At least a part of it is on its way.
    Begun,
    /// It is being read.
    NotYet,
}

#[derive(Debug)]
pub(super) struct Window {
    credit: Credit,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    in_flight: HashMap<u64, (Work, Sent)>,
    bytes: u64,
    last_id: u64,
    closed: bool,
    /// What is in flight is a suspect, which nothing joins.
    alone: bool,
    /// When something was last sent or answered.
    touched: Option<Instant>,
    answered: u64,
}

impl Window {
    pub(super) fn new(credit: Credit) -> Self {
        let credit = Credit {
            max_items: credit.max_items.min(MAX_CREDIT.max_items),
            max_bytes: credit.max_bytes.min(MAX_CREDIT.max_bytes),
        };
        Self { credit, state: Mutex::default(), freed: Notify::new() }
    }

    /// Waits until the credit allows for `work`, and gives it an id. Gives it back if the window was closed.
    pub(super) async fn admit(&self, work: Work) -> Result<u64, Work> {
        loop {
            let mut freed = pin!(self.freed.notified());
            freed.as_mut().enable();
            {
                let mut state = self.state();
                if state.closed {
                    return Err(work);
                }
                let suspect = work.suspicion.is_some();
                let fits = !suspect
                    && !state.alone
                    && (state.in_flight.len() as u64) < u64::from(self.credit.max_items)
                    && state.bytes.saturating_add(work.bytes) <= self.credit.max_bytes;
                // A single item is always allowed, however large.
                if fits || state.in_flight.is_empty() {
                    state.last_id += 1;
                    state.bytes += work.bytes;
                    state.alone = suspect;
                    state.touched = Some(Instant::now());
                    let id = state.last_id;
                    state.in_flight.insert(id, (work, Sent::NotYet));
                    return Ok(id);
                }
            }
            freed.await;
        }
    }

    /// An item was read: it is so many bytes, which a photo that was transcoded has more of than its file,
    /// and a photo of this size.
    pub(super) fn read(&self, id: u64, bytes: u64, extent: Option<Extent>) {
        let mut state = self.state();
        let State { in_flight, bytes: in_all, .. } = &mut *state;
        if let Some((work, _)) = in_flight.get_mut(&id) {
            *in_all = *in_all - work.bytes + bytes;
            (work.bytes, work.extent) = (bytes, extent);
        }
    }

    /// A part of an item is about to be sent.
    pub(super) fn sending(&self, id: u64) {
        let mut state = self.state();
        state.touched = Some(Instant::now());
        if let Some((_, sent)) = state.in_flight.get_mut(&id) {
            *sent = Sent::Begun;
        }
    }

    /// What was taken out was an answer.
    pub(super) fn count_answer(&self) {
        self.state().answered += 1;
    }

    /// Items that were answered.
    pub(super) fn answered(&self) -> u64 {
        self.state().answered
    }

    /// How long nothing has moved although there is something to do.
    pub(super) fn quiet_for(&self) -> Duration {
        let state = self.state();
        match state.touched {
            Some(touched) if !state.in_flight.is_empty() => touched.elapsed(),
            _ => Duration::ZERO,
        }
    }

    /// Takes an item out.
    pub(super) fn take(&self, id: u64) -> Option<Work> {
        let mut state = self.state();
        let (work, _) = state.in_flight.remove(&id)?;
        state.bytes -= work.bytes;
        state.touched = Some(Instant::now());
        self.freed.notify_waiters();
        Some(work)
    }

    /// Whether nothing is in flight.
    pub(super) fn is_empty(&self) -> bool {
        self.state().in_flight.is_empty()
    }

    /// Lets nothing in any more.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.freed.notify_waiters();
    }

    /// Waits until it is closed.
    pub(super) async fn closed(&self) {
        loop {
            let mut freed = pin!(self.freed.notified());
            freed.as_mut().enable();
            if self.state().closed {
                return;
            }
            freed.await;
        }
    }

    /// Waits until nothing is in flight.
    pub(super) async fn emptied(&self) {
        loop {
            let mut freed = pin!(self.freed.notified());
            freed.as_mut().enable();
            if self.is_empty() {
                return;
            }
            freed.await;
        }
    }

    /// Takes everything out, oldest first.
    pub(super) fn take_all(&self) -> InFlight {
        let mut state = self.state();
        state.bytes = 0;
        let mut all: Vec<(u64, (Work, Sent))> = state.in_flight.drain().collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all.into_iter().map(|(_, item)| item).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use facesets_core::Sha256Digest;

    use super::*;

    fn work(bytes: u64) -> Work {
        Work::new(Sha256Digest::of(&bytes.to_le_bytes()), bytes)
    }

    async fn fits(window: &Window, bytes: u64) -> bool {
        tokio::time::timeout(Duration::from_millis(20), window.admit(work(bytes))).await.is_ok()
    }

    #[tokio::test]
    async fn items_and_bytes_are_both_bounded_but_one_item_always_goes() {
        let window = Window::new(Credit { max_items: 3, max_bytes: 10 });
        assert!(fits(&window, 500).await);
        assert!(!fits(&window, 1).await);
        assert_eq!(window.take(1), Some(work(500)));
        assert_eq!(window.take(1), None);
        assert!(fits(&window, 6).await);
        assert!(!fits(&window, 5).await);
        assert!(fits(&window, 2).await);
        assert!(fits(&window, 2).await);
        assert!(!fits(&window, 0).await);
        window.sending(3);
        let all = [(work(6), Sent::NotYet), (work(2), Sent::Begun), (work(2), Sent::NotYet)];
        assert_eq!(window.take_all(), all);
    }

    #[tokio::test]
    async fn credit_without_end_ends_with_our_own_memory() {
        let endless = || Window::new(Credit { max_items: u32::MAX, max_bytes: u64::MAX });
        let window = endless();
        let large = MAX_CREDIT.max_bytes / 4;
        for _ in 0..4 {
            assert!(fits(&window, large).await);
        }
        assert!(!fits(&window, 1).await);
        let window = endless();
        for _ in 0..MAX_CREDIT.max_items {
            assert!(fits(&window, 0).await);
        }
        assert!(!fits(&window, 0).await);
    }

    #[tokio::test]
    async fn what_a_photo_has_become_counts_and_not_what_its_file_has() {
        let window = Window::new(Credit { max_items: 9, max_bytes: 10 });
        assert!(fits(&window, 1).await && fits(&window, 1).await);
        let extent = facesets_base::plausible::Extent::new(4, 3).ok();
        window.read(1, 9, extent);
        assert!(!fits(&window, 1).await);
        let sent = window.take(1).unwrap();
        assert_eq!((sent.bytes, sent.extent), (9, extent));
        assert!(fits(&window, 9).await && !fits(&window, 1).await);
    }

    #[tokio::test]
    async fn a_suspect_goes_alone() {
        let window = Window::new(Credit { max_items: 3, max_bytes: 10 });
        let suspect = || window.admit(work(1).suspect(0));
        let patience = Duration::from_millis(20);
        assert!(fits(&window, 1).await);
        assert!(tokio::time::timeout(patience, suspect()).await.is_err(), "it has company");
        window.take(1).unwrap();
        assert_eq!(suspect().await, Ok(2));
        assert!(!fits(&window, 1).await);
        window.take(2).unwrap();
        assert!(fits(&window, 1).await && fits(&window, 1).await);
    }

    #[tokio::test]
    async fn closing_sends_back_whoever_waits() {
        let window = Window::new(Credit { max_items: 1, max_bytes: 10 });
        assert!(fits(&window, 1).await);
        let (waiting, ()) = tokio::join!(window.admit(work(2)), async { window.close() });
        assert_eq!(waiting, Err(work(2)));
        window.closed().await;
    }
}
