//! A worker's part in a run, over all of its streams: what it is asked, and what it has shown of itself.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use facesets_core::wire::Task;

use super::WorkerNumber;

/// Photos in a row about which a worker may be wrong before it is asked no more. A model may be odd about one
/// photo; one that is about all of them is broken, or the worker is.
const MAX_WRONG: u32 = 5;

#[derive(Debug)]
pub(super) struct Member {
    pub(super) number: WorkerNumber,
    /// Of every item.
    pub(super) tasks: Vec<Task>,
    answered: AtomicBool,
    /// Photos in a row.
    wrong: AtomicU32,
    drained: AtomicBool,
}

impl Member {
    pub(super) fn new(number: WorkerNumber, tasks: Vec<Task>) -> Self {
        Self {
            number,
            tasks,
            answered: AtomicBool::new(false),
            wrong: AtomicU32::new(0),
            drained: AtomicBool::new(false),
        }
    }

    /// It has given an answer that can be true.
    pub(super) fn has_answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
        self.wrong.store(0, Ordering::Relaxed);
    }

    /// Whether it ever has.
    pub(super) fn is_known_to_work(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// It has given one that cannot be, about another photo than before.
    pub(super) fn was_wrong(&self) {
        self.wrong.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether nothing that it says is believed any more.
    pub(super) fn is_discredited(&self) -> bool {
        self.wrong.load(Ordering::Relaxed) >= MAX_WRONG
    }

    /// It says that it is shutting down; whether for the first time.
    pub(super) fn begins_to_drain(&self) -> bool {
        !self.drained.swap(true, Ordering::Relaxed)
    }
}
