//! What is to be done: shared by all workers, finished only when the last item in flight is.

use std::{
    collections::{HashSet, VecDeque},
    pin::pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use facesets_core::Sha256Digest;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Work, WorkerNumber};

/// Items to do.
#[derive(Debug)]
pub struct Queue {
    state: Mutex<State>,
    changed: Notify,
    stop: CancellationToken,
    sent: AtomicU64,
}

#[derive(Debug)]
struct State {
    ready: VecDeque<Work>,
    /// Not answered yet: ready, in flight, or waiting to be tried again.
    open: usize,
    /// Workers that take from it.
    workers: usize,
}

impl Queue {
    /// A queue of everything there is to do. When `stop` is cancelled no more is taken from it; it never
    /// cancels `stop` itself.
    pub fn new(work: impl IntoIterator<Item = Work>, stop: &CancellationToken) -> Self {
        let ready: VecDeque<Work> = work.into_iter().collect();
        let open = ready.len();
        Self {
            state: Mutex::new(State { ready, open, workers: 0 }),
            changed: Notify::new(),
            stop: stop.child_token(),
            sent: AtomicU64::new(0),
        }
    }

    /// Items that were not answered.
    pub fn open(&self) -> usize {
        self.state().open
    }

    /// Images sent to workers; one that is sent again counts again.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(super) fn count_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it was told to stop.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Lets nobody take any more.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// So many will take from it.
    pub(super) fn enlist(&self, workers: usize) {
        self.state().workers += workers;
    }

    /// One takes no more, for good.
    pub(super) fn left(&self) {
        let mut state = self.state();
        state.workers = state.workers.saturating_sub(1);
        self.changed.notify_waiters();
    }

    /// The next item for a worker, none that it has just failed on as long as there are others to try; waits
    /// while all are in flight, since one of them may come back. `None` when all are answered or it was told
    /// to stop.
    pub(super) async fn next(&self, worker: WorkerNumber) -> Option<Work> {
        loop {
            let mut changed = pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            {
                let mut state = self.state();
                if self.is_stopped() || state.open == 0 {
                    return None;
                }
                let others = state.workers > 1;
                let fits = |work: &Work| !others || work.failed_on != Some(worker);
                if let Some(at) = state.ready.iter().position(fits) {
                    return state.ready.remove(at);
                }
            }
            tokio::select! {
                () = changed => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    /// Waits until everything is answered or it was told to stop.
    pub(super) async fn ended(&self) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.is_stopped() || self.open() == 0 {
                return;
            }
            tokio::select! {
                () = changed => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    /// Takes back what was not answered, to be done next.
    pub(super) fn give_back(&self, work: Work) {
        self.state().ready.push_front(work);
        self.changed.notify_waiters();
    }

    /// Takes those out that wait to be done, in their order.
    pub(super) fn take_back(&self, contents: &HashSet<Sha256Digest>) -> Vec<Work> {
        let mut state = self.state();
        let (taken, ready): (Vec<Work>, _) =
            state.ready.drain(..).partition(|work| contents.contains(&work.sha256));
        state.ready = VecDeque::from(ready);
        taken
    }

    /// One item was answered.
    pub(super) fn settle(&self) {
        let mut state = self.state();
        state.open = state.open.saturating_sub(1);
        if state.open == 0 {
            self.changed.notify_waiters();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
