//! How library code reports progress and problems: it never prints.

/// Receives what happens during long work; the user interface decides what is shown.
pub trait Monitor: Send + Sync {
    /// A stage begins, with the number of steps where it is known.
    fn start(&self, stage: &str, total: Option<u64>);
    /// Some steps of the stage are done.
    fn advance(&self, steps: u64);
    /// The stage is over.
    fn finish(&self);
    /// Something the user should know.
    fn note(&self, text: &str);
    /// One thing failed and the work goes on.
    fn problem(&self, what: &str, reason: &str);
}

/// Tells nobody; for tests and for work that is too short to report.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Monitor for Silent {
    fn start(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn finish(&self) {}
    fn note(&self, _: &str) {}
    fn problem(&self, _: &str, _: &str) {}
}
