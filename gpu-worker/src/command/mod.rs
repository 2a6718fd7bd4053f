//! Subcommands: each puts the parts together, prints through `ui`, and says how it ended.

pub mod bench;
pub mod models;
pub mod serve;

/// How a command ended; the number is the program's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All done.
    Done = 0,
    /// Finished, with failures that were listed.
    SomeFailed = 1,
    /// Cannot go on.
    Failed = 2,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
}
