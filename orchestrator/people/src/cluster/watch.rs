//! How a long clustering tells where it is, and learns that it should stop.

use super::ClusterError;

/// What a clustering is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Comparing all pairs of faces; steps are faces compared with all others.
    Search,
    /// Merging; steps are clusters that are done for (merged into another, or final). There are at most as
    /// many as faces.
    Merge,
}

/// Looks on while a clustering runs, from several threads at once. All methods have a default that does
/// nothing.
pub trait Watch: Sync {
    /// A stage begins; it has at most so many steps.
    fn begin(&self, stage: Stage, steps: u64) {
        let _ = (stage, steps);
    }

    /// So many steps of the stage are done.
    fn advance(&self, steps: u64) {
        let _ = steps;
    }

    /// Whether to stop, with [`ClusterError::Cancelled`]; asked many times a second.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Nobody looks on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}

/// Stops the work when asked to.
pub(super) fn check(watch: &dyn Watch) -> Result<(), ClusterError> {
    if watch.cancelled() { Err(ClusterError::Cancelled) } else { Ok(()) }
}
