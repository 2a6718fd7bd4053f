//! The store for other programs: arrays that `numpy.load` reads, out and in again; Parquet tables, out. The
//! SQL and the columns are in `store`; here is how they lie in files.

mod backup;
mod column;
mod error;
mod export;
mod import;
mod import_error;
mod legacy;
mod npy;
#[cfg(feature = "parquet")]
mod parquet;
mod records;
mod source;
mod target;

pub use backup::backup;
pub use error::InteropError;
pub use export::{FORMAT_VERSION, Summary, export};
pub use import::{ImportSummary, Tally, import};
pub use import_error::ImportError;
pub use legacy::{Assumed, FIELDS as LEGACY_FIELDS, LeftOut, LegacyError, LegacySummary, import_legacy};
pub(crate) use npy::head as npy_head;
#[cfg(feature = "parquet")]
pub use parquet::export_parquet;
#[cfg(feature = "parquet")]
pub(crate) use parquet::{nested, plain_properties};
pub use target::{Format, Target};
