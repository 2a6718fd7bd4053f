//! Lines of the log about strangers: only so many a minute, or whoever can connect could fill the disk.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Lines within [`WINDOW`]: 10 MB a day.
const MOST: u32 = 30;

const WINDOW: Duration = Duration::from_mins(1);

/// Whether to write another line, to be asked before each about somebody who has not named itself.
pub(super) fn worth_a_line() -> bool {
    static STRANGERS: Seldom = Seldom(Mutex::new(None));
    let (worth, left_out) = STRANGERS.ask(Instant::now());
    if left_out > 0 {
        tracing::warn!(
            lines = left_out,
            "more was refused than the log was told; the metrics count all of it"
        );
    }
    worth
}

#[derive(Debug)]
struct Seldom(Mutex<Option<Recent>>);

#[derive(Debug, Clone, Copy)]
struct Recent {
    began: Instant,
    asked: u32,
}

impl Seldom {
    /// Whether a line may be written now, and how many were left out of the window that has just ended.
    fn ask(&self, now: Instant) -> (bool, u32) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *recent {
            Some(recent) if now.duration_since(recent.began) < WINDOW => {
                recent.asked = recent.asked.saturating_add(1);
                (recent.asked <= MOST, 0)
            }
            before => {
                let left_out = before.map_or(0, |before| before.asked.saturating_sub(MOST));
                *before = Some(Recent { began: now, asked: 1 });
                (true, left_out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_some_lines_a_minute_and_what_was_left_out_is_counted() {
        let (seldom, start) = (Seldom(Mutex::new(None)), Instant::now());
        for _ in 0..MOST {
            assert_eq!(seldom.ask(start), (true, 0));
        }
        for _ in 0..7 {
            assert_eq!(seldom.ask(start + WINDOW / 2), (false, 0));
        }
        assert_eq!(seldom.ask(start + WINDOW), (true, 7));
        assert_eq!(seldom.ask(start + 3 * WINDOW), (true, 0));
    }
}
