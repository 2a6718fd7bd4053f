//! Folders and files that commands write: built aside, moved into place when whole, never over something
//! else.
//!
//! What is in such a folder follows from the store; it can always be made again.

mod file;
mod kind;
mod staging;

pub use file::{FileKind, OutputFile};
pub use kind::{OutputKind, holds_our_pictures};
pub use staging::{Existing, OutputDir, OutputError, demand_free};
