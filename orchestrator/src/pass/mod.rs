//! What the commands do: one use case a file. Each is `run(&Options, &Session) -> Result<Report, Failure>`:
//! what is wanted, where it is done, and what came of it. Nothing here knows how it was asked for or how it
//! is shown.

pub(crate) mod adopt;
pub(crate) mod apply;
pub(crate) mod certify;
pub(crate) mod changing;
pub(crate) mod cluster;
pub(crate) mod clustering;
pub(crate) mod dedup;
pub(crate) mod discover;
pub(crate) mod drop_report;
pub mod embed;
pub(crate) mod era;
pub(crate) mod examining;
pub(crate) mod export_swap;
pub(crate) mod extend;
pub(crate) mod import;
pub(crate) mod memory;
pub(crate) mod output;
pub(crate) mod pin;
pub(crate) mod planning;
pub(crate) mod refine;
pub(crate) mod replacing;
pub(crate) mod shortage;
pub(crate) mod verify;

use std::path::{Path, PathBuf};

use facesets_base::{exit::Failure, library::Library, monitor::Monitor};
use facesets_corpus::change::{Steps, Waiting};
use tokio_util::sync::CancellationToken;

/// Where a pass works.
#[derive(Clone, Copy)]
pub(crate) struct Session<'a> {
    /// The library.
    pub(crate) library: &'a Library,
    /// Hears of progress and problems.
    pub(crate) monitor: &'a dyn Monitor,
    /// Does the renames of changes to output folders.
    pub(crate) steps: &'a dyn Steps,
    /// Asks to stop.
    pub(crate) stop: &'a CancellationToken,
    /// Changes of output folders that wait: nothing of these folders can be used.
    pub(crate) waiting: &'a [Waiting],
}

impl Session<'_> {
    /// The one path of an output folder that exists, however it is named; refused while a change of it waits.
    pub(crate) fn output(&self, path: &Path) -> Result<PathBuf, Failure> {
        changing::refuse_waiting(path, self.waiting)?;
        Ok(planning::absolute(path)?)
    }
}
