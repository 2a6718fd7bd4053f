//! Turns on the processor for lanes that share a device: one more than there are cores work at once, the
//! others wait for the device.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The turns of one worker.
#[derive(Debug)]
pub struct CpuTurns {
    state: Mutex<State>,
    /// Lanes with a photo that is begun; they go first.
    returning: Condvar,
    /// Lanes with a new photo.
    new: Condvar,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// Lanes that come back from the device and wait for a turn.
    returning: usize,
}

impl State {
    fn may_begin(&self) -> bool {
        self.free > 0 && self.returning == 0
    }
}

impl CpuTurns {
    /// One more than `cores`: a lane that was woken, or waits for memory to be mapped, leaves no core without
    /// work.
    pub fn of(cores: usize) -> Self {
        Self::new(cores.max(1) + 1)
    }

    /// So many, at least one.
    pub fn new(turns: usize) -> Self {
        let state = State { free: turns, returning: 0 };
        Self { state: Mutex::new(state), returning: Condvar::new(), new: Condvar::new() }
    }

    /// Takes a turn for a new photo.
    pub(super) fn begin(&self) {
        let state = self.new.wait_while(self.lock(), |state| !state.may_begin());
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.free -= 1;
        self.wake_one(&state);
    }

    /// Gives the turn back while the device works.
    pub(super) fn pause(&self) {
        let mut state = self.lock();
        state.free += 1;
        self.wake_one(&state);
    }

    /// Takes a turn for a photo that is begun.
    pub(super) fn resume(&self) {
        let mut state = self.lock();
        state.returning += 1;
        let state = self.returning.wait_while(state, |state| state.free == 0);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.returning -= 1;
        state.free -= 1;
        self.wake_one(&state);
    }

    /// Wakes the lane whose turn it is, if there is one: with every change there is a turn for at most one
    /// more, who wakes the next. All of dozens of lanes would only look and sleep again.
    fn wake_one(&self, state: &State) {
        if state.free > 0 && state.returning > 0 {
            self.returning.notify_one();
        } else if state.may_begin() {
            self.new.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Counters are never left half-changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
