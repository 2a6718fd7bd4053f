//! Turns on the processor for lanes that share a device: as many work at once as there are cores, the others wait for the device.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes of decoded photos with which no further one is begun: 14 photos of 12 megapixels.
const MAX_PIXEL_BYTES: u64 = 512 << 20;

/// The turns of one worker.
#[derive(Debug)]
pub struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// Lanes that come back from the device and wait for a turn: they go before any photo that is not begun.
    returning: usize,
    pixel_bytes: u64,
}

impl Turns {
    /// As many turns as `cores`.
    pub fn new(cores: usize) -> Self {
        let state = State { free: cores.max(1), returning: 0, pixel_bytes: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Takes a turn for a new photo. Those that are decoded may exceed the limit by one photo a core, since a photo's size is not known
    /// before; who holds pixels never waits for room, so this ends.
    pub(super) fn begin(&self) {
        let wait = |state: &mut State| {
            state.free == 0 || state.returning > 0 || state.pixel_bytes >= MAX_PIXEL_BYTES
        };
        let state = self.changed.wait_while(self.lock(), wait);
        state.unwrap_or_else(PoisonError::into_inner).free -= 1;
    }

    /// Gives the turn back while the device works.
    pub(super) fn pause(&self) {
        self.lock().free += 1;
        self.changed.notify_all();
    }

    /// Takes a turn for a photo that is begun.
    pub(super) fn resume(&self) {
        let mut state = self.lock();
        state.returning += 1;
        let state = self.changed.wait_while(state, |state| state.free == 0);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.returning -= 1;
        state.free -= 1;
        drop(state);
        // A turn may be left for a new photo that gave way.
        self.changed.notify_all();
    }

    /// Counts `after` bytes of decoded pixels instead of `before`.
    pub(super) fn hold(&self, before: u64, after: u64) {
        let mut state = self.lock();
        state.pixel_bytes = (state.pixel_bytes + after).saturating_sub(before);
        drop(state);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Counters are never left half-changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
