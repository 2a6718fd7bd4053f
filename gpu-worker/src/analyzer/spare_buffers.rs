//! Memory of photos that are done with, for the next: the system's own is as slow as a tenth of the decoding.

use std::sync::{Mutex, PoisonError};

/// Memories that are kept: as many as are in use at once on a small machine.
const MAX_SPARE: usize = 4;

/// Bytes of a memory that is worth keeping; a larger one goes back to the system: 16 million pixels.
const MAX_SPARE_BYTES: usize = 48 << 20;

/// What all lanes share.
#[derive(Debug, Default)]
pub(super) struct SpareBuffers(Mutex<Vec<Vec<u8>>>);

impl SpareBuffers {
    /// A memory, whatever is in it; empty if there is none to spare.
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps a memory for the next, unless it is large or there is enough.
    pub(super) fn give_back(&self, memory: Vec<u8>) {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < MAX_SPARE && memory.capacity() <= MAX_SPARE_BYTES {
            spare.push(memory);
        }
    }
}
