//! Trying again what failed, from where it is known to lie.

use std::sync::Arc;

use facesets_base::{exit::Exit, library::Library, monitor::Monitor};
use facesets_library::store::FileSystemPolicy;
use facesets_workers::selection::{WorkerOptions, gather};

use super::{
    Attended, EmbedError, KnownFailures, Summary, analyse_missing, attend, known_photos, open_library,
};

/// What to try again, and how.
#[derive(Debug, Clone)]
pub struct RetryOptions {
    /// Kinds of failures; all if none is named.
    pub kinds: Vec<String>,
    /// What to do on file systems that cannot be trusted.
    pub file_system: FileSystemPolicy,
    /// Who analyses.
    pub workers: WorkerOptions,
}

/// Tries again what failed under the workers' contract and lies where it lay when it was seen last; nothing
/// is scanned. What was done is in `summary`, also after an error.
pub fn retry(
    options: &RetryOptions,
    library: &Library,
    monitor: &Arc<dyn Monitor>,
    summary: &mut Summary,
) -> Result<Exit, EmbedError> {
    attend(monitor, summary, |run, summary| steps(options, library, run, summary))
}

fn steps(
    options: &RetryOptions,
    library: &Library,
    run: &Attended<'_>,
    summary: &mut Summary,
) -> Result<(), EmbedError> {
    let committer = open_library(library, options.file_system, summary)?;
    let store = committer.writer().store();
    let failed = |contract: &str| store.failed_contents(contract, &options.kinds);
    let mut any = false;
    for contract in store.contracts()? {
        any |= !failed(&contract)?.is_empty();
    }
    if !any {
        return Ok(());
    }
    let team = gather(&options.workers, library, run.runtime, &run.interrupt.stop, run.monitor)?;
    summary.introduce(&team);
    let photos = known_photos(failed(&team.contract().to_string())?, summary);
    analyse_missing(photos, team, KnownFailures::Retry, committer, run, summary)
}
