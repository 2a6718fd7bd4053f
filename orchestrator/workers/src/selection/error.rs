//! Why there is nobody to analyse anything.

use facesets_base::exit::Hint;

use super::WorkersFileError;
use crate::dispatch::{DispatchError, PackError, managed::ManagedError};

/// Why there is nobody to analyse anything.
#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    /// The worker of our own.
    #[error(transparent)]
    Managed(#[from] ManagedError),
    /// The file that names workers.
    #[error(transparent)]
    WorkersFile(#[from] WorkersFileError),
    /// Workers in general.
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    /// Their models.
    #[error(transparent)]
    Pack(#[from] PackError),
}

impl Hint for SelectionError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Managed(error) => error.hint(),
            Self::WorkersFile(error) => error.hint(),
            Self::Dispatch(error) => error.hint(),
            Self::Pack(error) => error.hint(),
        }
    }
}

impl SelectionError {
    /// Whether it only says that we were told to stop.
    pub fn is_cancellation(&self) -> bool {
        matches!(self, Self::Managed(ManagedError::Cancelled))
    }
}
