//! The store for other programs: arrays that `numpy.load` reads. The SQL and the columns are in `store`; here is how they lie in files.

mod backup;
mod error;
mod export;
mod npy;
mod target;

pub use backup::backup;
pub use error::InteropError;
pub use export::{FORMAT_VERSION, Summary, export};
pub use target::{Format, Target};
