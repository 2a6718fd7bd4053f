//! How many rows a device has memory for: fewer after it had none, and carefully more again.

use facesets_core::wire::ModelRole;

use crate::engine::{BUCKETS, bucket_for};

/// Batches of the size that still works before a larger one is tried again: what took the memory may have
/// given it back, and a failure costs about as much as a run.
const MANAGED: u32 = 64;

/// What is known of models whose batches were too large. A model that is not in here takes what comes.
#[derive(Debug, Default)]
pub(super) struct Headroom(Vec<Known>);

#[derive(Debug)]
struct Known {
    kind: (ModelRole, usize),
    /// Rows that may be tried at once, one of [`BUCKETS`].
    rows: usize,
    /// Batches of so many that worked, one after the other.
    managed: u32,
}

impl Headroom {
    /// Rows that may be tried at once.
    pub(super) fn rows(&self, role: ModelRole, side: usize) -> Option<usize> {
        self.0.iter().find(|known| known.kind == (role, side)).map(|known| known.rows)
    }

    /// There was no memory for `rows`; how many to try instead, `None` if there is nothing smaller.
    ///
    /// That is a smaller bucket, and not merely fewer rows: a device that is fed in buckets would take the
    /// same memory again.
    pub(super) fn exhausted(&mut self, role: ModelRole, side: usize, rows: usize) -> Option<usize> {
        let smaller = BUCKETS.into_iter().rfind(|bucket| *bucket < bucket_for(rows))?;
        self.0.retain(|known| known.kind != (role, side));
        self.0.push(Known { kind: (role, side), rows: smaller, managed: 0 });
        Some(smaller)
    }

    /// A batch of `rows` worked.
    pub(super) fn managed(&mut self, role: ModelRole, side: usize, rows: usize) {
        let Some(known) = self.0.iter_mut().find(|known| known.kind == (role, side)) else { return };
        // Smaller ones say nothing.
        if bucket_for(rows) < known.rows {
            return;
        }
        known.managed += 1;
        if known.managed < MANAGED {
            return;
        }
        match BUCKETS.into_iter().find(|bucket| *bucket > known.rows) {
            Some(larger) => (known.rows, known.managed) = (larger, 0),
            None => self.0.retain(|known| known.kind != (role, side)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: ModelRole = ModelRole::Recognition;

    #[test]
    fn what_was_too_large_is_tried_in_the_next_smaller_bucket_down_to_a_single_row() {
        let mut headroom = Headroom::default();
        let mut rows = 27;
        let mut tried = Vec::new();
        while let Some(smaller) = headroom.exhausted(ROLE, 112, rows) {
            rows = smaller;
            tried.push(rows);
        }
        assert_eq!(tried, [16, 8, 4, 1]);
        assert_eq!(headroom.rows(ROLE, 112), Some(1));
        assert_eq!(headroom.rows(ROLE, 192), None, "another size is another matter");
        assert_eq!(headroom.rows(ModelRole::Landmarks68, 112), None);
    }

    #[test]
    fn after_a_while_larger_batches_are_tried_again_one_bucket_at_a_time() {
        let mut headroom = Headroom::default();
        assert_eq!(headroom.exhausted(ROLE, 112, 32), Some(16));
        assert_eq!(headroom.exhausted(ROLE, 112, 16), Some(8));
        for _ in 0..1000 {
            headroom.managed(ROLE, 112, 3);
        }
        assert_eq!(headroom.rows(ROLE, 112), Some(8), "small batches prove nothing");
        let mut seen = Vec::new();
        for _ in 0..3 {
            (0..MANAGED).for_each(|_| headroom.managed(ROLE, 112, headroom.rows(ROLE, 112).unwrap_or(32)));
            seen.push(headroom.rows(ROLE, 112));
        }
        assert_eq!(seen, [Some(16), Some(32), None]);
    }
}
