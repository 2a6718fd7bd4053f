//! Changes to output folders that survive anything: all of a change is there, or nothing of it.
//!
//! A [`Change`] spans one or several *roots* (folders that `cluster`, `refine` or `export-swap` wrote). New
//! sets are built in `ROOT/.facesets/N/new`, N being the number of the decision; what they replace ends in
//! `ROOT/.facesets/N/old`. What is to be swapped is written to the store's journal before the first rename
//! ([`Intent`]); then follow two renames for each set, the manifest last. Each step can be told from the
//! names that are there, so that the next command can go on wherever an earlier one was killed ([`settle`]);
//! where a folder is away by then, only what is of it waits, until it is back or is given up ([`abandon`]). A
//! rename that keeps failing, as on Windows mounts where somebody has a file open, turns the direction:
//! everything is swapped back. Undoing swaps back too ([`Undo`]): as nothing is deleted, it gives back the
//! very bytes.
//!
//! The journal is in the store, not beside it: its commits are on the disk when they return, and its lock
//! already keeps a second writer out.

mod apply;
mod drops;
mod error;
mod fingerprint;
mod intent;
mod names;
mod steps;
mod swap;
#[cfg(test)]
mod tests;
mod undo;
mod waiting;

pub use apply::Change;
pub use drops::{FaceDrop, LastingDrop, lasting_drops};
pub use error::ChangeError;
pub use fingerprint::fingerprint;
pub use intent::{Entry, Intent, RootIntent};
pub use names::{Made, made};
pub use steps::{Disk, Steps};
pub use undo::{PassedOver, Undo, Why};
pub use waiting::{Abandoned, Recovered, Settled, Waiting, abandon, all_waiting, settle};
