//! How long an item may take to arrive. Pure; time is an argument.

use std::time::{Duration, Instant};

/// Bytes a second that are never too slow: an eighth of what a bad mobile connection sends.
pub(super) const LEAST_RATE: u64 = 16 * 1024;

/// The arrival of one item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    began: Instant,
    patience: Duration,
}

impl Pace {
    /// An item begins to arrive.
    pub(super) fn new(patience: Duration, now: Instant) -> Self {
        Self { began: now, patience }
    }

    /// When the next part must be there if so many bytes are: after the patience, or later where they came at
    /// [`LEAST_RATE`] or faster.
    pub(super) fn deadline(&self, received: u64) -> Instant {
        let earned = Duration::from_millis(received.saturating_mul(1000) / LEAST_RATE);
        self.began + self.patience.max(earned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stalled_item_has_the_patience_and_a_steady_one_as_long_as_it_takes() {
        let start = Instant::now();
        let pace = Pace::new(Duration::from_mins(2), start);
        let after = |received| pace.deadline(received).duration_since(start).as_secs();
        assert_eq!([after(0), after(1), after(1 << 20)], [120; 3]);
        // One that keeps up 16 KiB/s is never late: the next 4 MiB have 256 s.
        assert_eq!([after(4 << 20), after(8 << 20), after(256 << 20)], [256, 512, 16384]);
    }
}
