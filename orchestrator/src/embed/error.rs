//! Why embedding cannot go on.

use std::io;

use super::RosterError;
use crate::{
    dispatch::{DispatchError, PackError, managed::ManagedError},
    exit::Hint,
    source::disk::ScanError,
    store::StoreError,
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
    /// The worker of our own.
    #[error(transparent)]
    Managed(#[from] ManagedError),
    /// The file that names workers.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// Workers in general.
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    /// Their models.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// No threads.
    #[error("cannot start the network threads: {0}")]
    Runtime(#[source] io::Error),
}

impl Hint for EmbedError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Scan(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::Managed(error) => error.hint(),
            Self::Roster(error) => error.hint(),
            Self::Dispatch(error) => error.hint(),
            Self::Pack(error) => error.hint(),
            Self::Runtime(_) => None,
        }
    }
}

impl EmbedError {
    /// Whether it only says that we were told to stop.
    pub(super) fn is_cancellation(&self) -> bool {
        matches!(self, Self::Managed(ManagedError::Cancelled))
    }
}
