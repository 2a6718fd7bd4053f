//! Why what works on items cannot be started.

use std::{error::Error, io};

/// Any error.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Lanes or a device that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system gives no thread.
    #[error("a thread cannot be started: {0}")]
    Thread(#[from] io::Error),
    /// The analyzer cannot be made.
    #[error(transparent)]
    Analyzer(BoxError),
}
