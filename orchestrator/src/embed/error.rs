//! Why embedding cannot go on.

use std::io;

use crate::{
    dispatch::DispatchError, exit::Hint, source::disk::ScanError, store::StoreError, team::TeamError,
};

/// Why embedding cannot go on. What was committed before stays.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The sources.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No workers.
    #[error(transparent)]
    Team(#[from] TeamError),
    /// Workers at work.
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    /// No threads.
    #[error("cannot start the network threads: {0}")]
    Runtime(#[source] io::Error),
}

impl Hint for EmbedError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Scan(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::Team(error) => error.hint(),
            Self::Dispatch(error) => error.hint(),
            Self::Runtime(_) => None,
        }
    }
}

impl EmbedError {
    /// Whether it only says that we were told to stop.
    pub(super) fn is_cancellation(&self) -> bool {
        matches!(self, Self::Team(error) if error.is_cancellation())
    }
}
