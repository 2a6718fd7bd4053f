//! A corpus of the system before this one: what lies in its folders, which faces of the library are meant,
//! and what it becomes here.
//!
//! [`old`] reads folders and manifests; [`fn@adopt`] decides and is pure; the plan's `adopt` builds.

mod decide;
pub mod old;

pub use decide::{Counts, InSet, Leftovers, adopt};
