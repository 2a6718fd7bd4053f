//! What becomes of workers whose connections break.

/// What became of a worker whose connection broke.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Breakage {
    /// Whether it is the worker that broke, not the link.
    pub(super) died: bool,
    /// More about it, for people.
    pub(super) words: Option<String>,
}
