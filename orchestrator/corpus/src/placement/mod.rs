//! Photos in output folders: copied or linked, found again where an earlier output has them, or missing.

mod fault;
mod flat_name;
mod missing;
mod place;

pub use flat_name::flat_name;
pub use missing::Missing;
pub use place::{Earlier, Known, Placement, Placer};
