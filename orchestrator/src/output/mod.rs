//! Folders that commands write: built aside, moved into place when whole, never over something else.
//!
//! What is in such a folder follows from the store; it can always be made again.

mod flat_name;
mod kind;
mod place;
mod staging;

pub use flat_name::flat_name;
pub use kind::{OutputKind, holds_our_pictures};
pub use place::{Earlier, Missing, Placement, Placer};
pub use staging::{Existing, OutputDir, OutputError, demand_free};
