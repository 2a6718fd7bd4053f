//! From folders to analysed contents: scan, hash, find out what is missing, have it analysed, commit as it
//! comes.
//!
//! Every step writes down what it learns before the next one needs it, so that a run that ends early, in
//! whatever way, is simply continued by the next one.

mod analyse;
mod dry_run;
mod enrich;
mod error;
mod gone;
mod interrupt;
mod known;
mod plan;
mod retry;
mod summary;
mod survey;
#[cfg(test)]
mod tests;
mod unreadable;

use std::{sync::Arc, time::Instant};

use analyse::Kept;
use facesets_base::{exit::Exit, library::Library, monitor::Monitor};
use facesets_library::{
    originals::for_workers::Photos,
    store::{Committer, FileSystemPolicy, FoundAgain, Sighting, Store, Writer},
};
use facesets_workers::selection::{self, WorkerOptions, Workers, gather};

pub use dry_run::{DryRun, Pending, dry_run};
pub use enrich::{EnrichOptions, enrich};
pub use error::EmbedError;
pub use interrupt::Interrupt;
pub use retry::{RetryOptions, retry};
pub use summary::{Ended, FailedItem, Found, Summary};
pub use survey::{Rereading, Sources, no_photo_at_all};

/// What to embed, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the photos are.
    pub sources: Sources,
    /// What to do on file systems that cannot be trusted.
    pub file_system: FileSystemPolicy,
    /// What to do about contents that could not be analysed before.
    pub known_failures: KnownFailures,
    /// What to think of many files that are gone at once.
    pub losses: Losses,
    /// Who analyses.
    pub workers: WorkerOptions,
}

/// What to do about contents that could not be analysed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownFailures {
    /// Count them, and leave it at that: the run that found one out has named it.
    Count,
    /// Try them again.
    Retry,
}

/// What to think of many files that are gone at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Losses {
    /// That part of a disk is away: they count as before, and the user is told.
    Doubt,
    /// That they were deleted.
    Accept,
}

/// A run of which the user may want an end.
struct Attended<'a> {
    runtime: &'a tokio::runtime::Runtime,
    interrupt: &'a Interrupt,
    monitor: &'a dyn Monitor,
}

/// Embeds everything under the sources that is not embedded yet. What was done is in `summary`, also after an
/// error.
pub fn run(
    options: &Options,
    library: &Library,
    monitor: &Arc<dyn Monitor>,
    summary: &mut Summary,
) -> Result<Exit, EmbedError> {
    attend(monitor, summary, |run, summary| steps(options, library, run, summary))
}

fn attend(
    monitor: &Arc<dyn Monitor>,
    summary: &mut Summary,
    steps: impl FnOnce(&Attended<'_>, &mut Summary) -> Result<(), EmbedError>,
) -> Result<Exit, EmbedError> {
    let began = Instant::now();
    let runtime = selection::network().map_err(EmbedError::Runtime)?;
    let interrupt = Interrupt::on_signals(&runtime, Arc::clone(monitor));
    let run = Attended { runtime: &runtime, interrupt: &interrupt, monitor: &**monitor };
    let result = steps(&run, summary);
    // Tasks of an aborted run must not keep the program.
    runtime.shutdown_background();
    summary.seconds = began.elapsed().as_secs_f64();
    summary.ended = match &result {
        Err(_) if !interrupt.stop.is_cancelled() => Ended::Stopped,
        _ if interrupt.stop.is_cancelled() => Ended::Interrupted,
        _ => Ended::Done,
    };
    match result {
        Err(error) if error.is_cancellation() => Ok(Exit::Interrupted),
        Err(error) => Err(error),
        Ok(()) if interrupt.stop.is_cancelled() => Ok(Exit::Interrupted),
        Ok(()) if summary.failures.is_empty() => Ok(Exit::Done),
        Ok(()) => Ok(Exit::SomeFailed),
    }
}

fn steps(
    options: &Options,
    library: &Library,
    run: &Attended<'_>,
    summary: &mut Summary,
) -> Result<(), EmbedError> {
    let Attended { runtime, interrupt, monitor } = *run;
    let is_new = !library.store_file().exists();
    let mut committer = Committer::new(Writer::open(library, options.file_system)?);
    if is_new {
        // Whoever forgot to name theirs would have everything analysed again, and not know.
        monitor.note(&format!("a new library in `{}`", library.folder().display()));
    }
    let Options { sources, losses, .. } = options;
    let photos = survey::survey(sources, *losses, &mut committer, monitor, &interrupt.stop, summary)?;
    if photos.is_empty() || interrupt.stop.is_cancelled() {
        return Ok(());
    }
    let team = gather(&options.workers, library, runtime, &interrupt.stop, monitor)?;
    summary.introduce(&team);
    analyse_missing(photos, team, options.known_failures, committer, run, summary)
}

/// A library that is there, to write to: it is not made here.
fn open_library(
    library: &Library,
    file_system: FileSystemPolicy,
    summary: &mut Summary,
) -> Result<Committer, EmbedError> {
    drop(Store::open_read(library)?);
    let committer = Committer::new(Writer::open(library, file_system)?);
    summary.surveyed = true;
    Ok(committer)
}

/// Photos where the store knows them to lie, counted.
fn known_photos(found: Vec<FoundAgain>, summary: &mut Summary) -> Photos {
    let mut photos = Photos::default();
    for content in found {
        for at in content.locations {
            // When its digest was taken is long ago: it is taken again.
            photos.add(content.sha256, content.bytes, at, Sighting::default());
        }
    }
    summary.found.files = photos.files();
    summary.contents = photos.len() as u64;
    summary.aliases = summary.found.files - summary.contents;
    photos
}

/// Has the team analyse what is missing of the photos; sends it home where nothing is.
fn analyse_missing(
    photos: Photos,
    team: Workers,
    known_failures: KnownFailures,
    mut committer: Committer,
    run: &Attended<'_>,
    summary: &mut Summary,
) -> Result<(), EmbedError> {
    let Attended { runtime, interrupt, monitor } = *run;
    let work = plan::plan(&photos, &team, known_failures, &mut committer, monitor, summary)?;
    if work.is_empty() {
        team.dismiss();
        return Ok(());
    }
    analyse::analyse(work, photos, team, Kept::Everything, committer, runtime, interrupt, monitor, summary)
}
