//! Folders that commands write: built aside, moved into place when whole, never over something else.
//!
//! What is in such a folder follows from the store; it can always be made again.

mod fault;
mod file;
mod flat_name;
mod kind;
mod missing;
mod place;
mod staging;

pub use file::{FileKind, OutputFile};
pub use flat_name::flat_name;
pub use kind::{OutputKind, holds_our_pictures};
pub use missing::Missing;
pub use place::{Earlier, Known, Placement, Placer};
pub use staging::{Existing, OutputDir, OutputError, demand_free};
