//! Trying again what failed, from where it is known to lie.

use std::sync::Arc;

use super::{Attended, EmbedError, KnownFailures, Summary, analyse_missing, attend};
use crate::{
    exit::Exit,
    library::Library,
    monitor::Monitor,
    source::load::Photos,
    store::{Committer, FileSystemPolicy, Store, Writer},
    team::{WorkerOptions, gather},
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

/// Tries again what failed under the workers' contract and lies where it lay when it was seen last; nothing is scanned. What was
/// done is in `summary`, also after an error.
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
    // A library is not made here.
    drop(Store::open_read(library)?);
    let committer = Committer::new(Writer::open(library, options.file_system)?);
    summary.surveyed = true;
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
    let mut photos = Photos::default();
    for content in failed(&team.contract().to_string())? {
        for path in content.paths {
            photos.add(content.sha256, content.bytes, path);
        }
    }
    summary.files = photos.files();
    summary.contents = photos.len() as u64;
    summary.aliases = summary.files - summary.contents;
    analyse_missing(photos, team, KnownFailures::Retry, committer, run, summary)
}
