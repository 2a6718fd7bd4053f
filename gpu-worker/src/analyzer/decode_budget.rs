//! A budget for pixels: what decoded photos may take of the process's memory, of all lanes and packs
//! together.
//!
//! It is taken before a photo is decoded, and before a turn on the processor is: who has room never waits for
//! more of it, so it comes back.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes: 14 photos of 12 megapixels as RGB, 28 as most cameras store them.
const BYTES: u64 = 512 << 20;

/// That of this process.
pub(super) static DECODE_BUDGET: DecodeBudget = DecodeBudget::new(BYTES);

/// So many bytes, given out in the order in which they are asked for.
#[derive(Debug)]
pub(super) struct DecodeBudget {
    bytes: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    taken: u64,
    /// The ticket of whoever asks next.
    next: u64,
    /// The ticket of whose turn it is.
    served: u64,
}

/// Some of it, until this is dropped.
#[derive(Debug)]
pub(super) struct Share<'a> {
    room: &'a DecodeBudget,
    bytes: u64,
}

impl DecodeBudget {
    const fn new(bytes: u64) -> Self {
        Self { bytes, state: Mutex::new(State { taken: 0, next: 0, served: 0 }), changed: Condvar::new() }
    }

    /// Waits for so many bytes; what is more than all gets them when nobody else has any.
    pub(super) fn take(&self, bytes: u64) -> Share<'_> {
        let mut state = self.lock();
        let ticket = state.next;
        state.next += 1;
        let waits = |state: &mut State| {
            let fits = state.taken == 0 || state.taken.saturating_add(bytes) <= self.bytes;
            state.served != ticket || !fits
        };
        let mut state = self.changed.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner);
        state.taken += bytes;
        state.served += 1;
        self.wake(&state);
        Share { room: self, bytes }
    }

    /// Only where somebody waits.
    fn wake(&self, state: &State) {
        if state.next > state.served {
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Counters are never left half-changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share<'_> {
    /// Gives back what is more than so many bytes; what is less is not taken, as nobody may wait here.
    pub(super) fn keep(&mut self, bytes: u64) {
        let mut state = self.room.lock();
        state.taken -= self.bytes.saturating_sub(bytes);
        self.bytes = self.bytes.min(bytes);
        self.room.wake(&state);
    }
}

/// A lane that panics gives back what it has.
impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.keep(0);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU64, Ordering},
        thread,
        time::Duration,
    };

    use super::*;

    #[test]
    fn photos_share_the_room_and_one_that_is_larger_than_it_has_it_alone() {
        let room = DecodeBudget::new(10);
        let (taken, most) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for lane in 0..8 {
                let (room, taken, most) = (&room, &taken, &most);
                scope.spawn(move || {
                    for bytes in [3, 4, 25, 1].into_iter().cycle().skip(lane).take(40) {
                        let share = room.take(bytes);
                        let all = taken.fetch_add(bytes, Ordering::SeqCst) + bytes;
                        assert!(all <= 10 || all == bytes, "{bytes} beside {}", all - bytes);
                        most.fetch_max(all, Ordering::SeqCst);
                        thread::yield_now();
                        taken.fetch_sub(bytes, Ordering::SeqCst);
                        drop(share);
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 25);
        assert_eq!(room.lock().taken, 0);
    }

    #[test]
    fn whoever_waits_for_much_is_not_overtaken_by_those_who_want_little() {
        let room = DecodeBudget::new(10);
        let mut first = room.take(8);
        let order = Mutex::new(Vec::new());
        thread::scope(|scope| {
            // Who waits for all is done, and has said so, before anybody else has any.
            for (number, bytes) in [10, 1, 1].into_iter().enumerate() {
                let (room, order) = (&room, &order);
                scope.spawn(move || {
                    let _share = room.take(bytes);
                    order.lock().unwrap().push(bytes);
                });
                while room.lock().next < number as u64 + 2 {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            assert!(order.lock().unwrap().is_empty());
            first.keep(0);
        });
        assert_eq!(order.into_inner().unwrap()[0], 10);
    }

    #[test]
    fn what_a_photo_does_not_take_after_all_is_there_for_the_next_one() {
        let room = DecodeBudget::new(10);
        let mut first = room.take(9);
        first.keep(4);
        let second = room.take(6);
        first.keep(9);
        assert_eq!(room.lock().taken, 10, "nothing is taken that way");
        drop((first, second));
        assert_eq!(room.lock().taken, 0);
    }
}
