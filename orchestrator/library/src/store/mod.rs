//! The store: what was found where, and what was measured. The only place with SQL.
//!
//! Three tables carry it: `content` (a sha256), `location` (path → content) and `analysis` ((content, task,
//! contract) → outcome); faces and their embeddings hang on the analysis. Everything else is a view of them.
//! Which locations count, so that galleries know them, is said in one place: `schema/views.sql`.
//!
//! [`Store`] reads, any number of them at a time; [`Writer`] writes, one at a time, and holds the library's
//! lock.

mod backup;
mod batches;
mod blob;
mod camera;
mod commit;
mod consent;
mod decisions;
mod details;
mod dump;
mod error;
mod export;
mod faces;
mod filesystem;
mod forget;
#[cfg(test)]
mod forget_tests;
mod gallery;
mod gone;
mod landmarks;
mod left_out;
mod locations;
mod lock;
mod merge;
mod no_photos;
mod open;
mod outcome;
mod picture;
mod pins;
mod schema;
mod status;
mod strikes;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod unreadable;
mod verify;
#[cfg(test)]
mod verify_tests;
mod writer;

pub use batches::{Batch, Values};
pub use commit::{COMMIT_EVERY, COMMIT_WITHIN, Committer, Record};
pub use decisions::{Decision, DecisionState};
pub use error::StoreError;
pub use export::{COLUMNS, Column, Export, ExportError, Item, Table};
pub use filesystem::{FileSystem, FileSystemPolicy};
pub use forget::{Forgotten, Known};
pub use gone::Absence;
pub use landmarks::Landmarks;
pub use left_out::LeftOut;
pub use locations::{InodeChange, LocationRecord, Sighting, range_below};
pub use merge::{Difference, Incoming, Merge, Merged, OnDifference};
pub use outcome::{Failed, FoundAgain, KILLS_WORKER, Outcome, Provenance, StoredFailure, TASK_FACES};
pub use status::{ContractStatus, FailedContent, GonePlaces, LeftOutPlaces, StoreStatus, UnreadablePath};
pub use verify::Finding;
pub use writer::Writer;

/// A store, to look into.
#[derive(Debug)]
pub struct Store {
    connection: rusqlite::Connection,
}
