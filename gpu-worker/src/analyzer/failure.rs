//! What each kind of error means for the item it happened to.

use facesets_core::wire::{ItemFailure, ItemFailureKind};
use facesets_imaging::DecodeError;

use crate::engine::{EngineError, RunFailure};

/// An item's failure.
#[expect(clippy::needless_pass_by_value, reason = "messages are mostly made on the spot")]
pub fn failed(kind: ItemFailureKind, message: impl ToString) -> ItemFailure {
    ItemFailure { kind, message: message.to_string() }
}

pub(super) fn from_decode(error: DecodeError) -> ItemFailure {
    let kind = match error {
        DecodeError::TooManyBytes { .. } | DecodeError::TooManyPixels { .. } => ItemFailureKind::TooLarge,
        DecodeError::Unsupported(_) => ItemFailureKind::Unsupported,
        DecodeError::Empty | DecodeError::UnknownFormat | DecodeError::Damaged { .. } => {
            ItemFailureKind::Decode
        }
    };
    failed(kind, error)
}

pub(super) fn from_engine(error: EngineError) -> ItemFailure {
    let kind = match error {
        EngineError::Run { cause: RunFailure::OutOfMemory, .. } => ItemFailureKind::OutOfMemory,
        EngineError::Run { cause: RunFailure::DeviceLost, .. } => ItemFailureKind::DeviceLost,
        _ => ItemFailureKind::Internal,
    };
    failed(kind, error)
}

pub(super) fn internal(error: impl ToString) -> ItemFailure {
    failed(ItemFailureKind::Internal, error)
}
