//! The store for other programs: arrays that `numpy.load` reads, out and in again; Parquet tables, out. The
//! SQL and the columns are in `store`; here is how they lie in files.

mod backup;
mod column;
mod error;
mod export;
pub mod import;
mod import_error;
#[cfg(feature = "parquet")]
mod parquet;
mod records;
pub mod source;
mod target;

pub use backup::backup;
pub use error::InteropError;
pub use export::{FORMAT_VERSION, Summary, export};
pub use import::{ImportSummary, Tally, import};
pub use import_error::ImportError;
#[cfg(feature = "parquet")]
pub use parquet::export_parquet;
#[cfg(feature = "parquet")]
pub use parquet::{nested, plain_properties};
pub use target::{Format, Target};
