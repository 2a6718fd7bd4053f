//! `facesets embed`: finds and embeds every face under some folders.

use std::{path::PathBuf, sync::Arc};

use facesets_base::{
    exit::{Exit, Failure},
    monitor::Monitor,
};
use facesets_library::source::disk::{Filter, Hidden, ScanOptions, SystemFolders};

use super::{Context, worker_args::WorkerArgs};
use crate::{
    command::choices::SymlinksArg,
    pass::embed::{self, EmbedError, KnownFailures, Losses, Options, Rereading, Sources, Summary},
};

/// Flags of `embed`.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Args {
    /// Folders of photos, or photos; folders are searched recursively
    #[arg(required = true, value_name = "SRC")]
    sources: Vec<PathBuf>,
    #[command(flatten)]
    scan: ScanArgs,
    #[command(flatten)]
    workers: WorkerArgs,
    /// Try photos again that could not be analysed before
    #[arg(long)]
    retry_failed: bool,
    /// Read every photo anew, also those that look as they did when they were read: for file systems that lie
    /// about changes
    #[arg(long)]
    rehash: bool,
    /// Take it that photos were deleted, also where so many are missing at once that part of a disk may be
    /// away
    #[arg(long)]
    accept_gone: bool,
    /// Say what would be done: nothing is written, no worker is started or asked
    #[arg(long)]
    dry_run: bool,
}

/// Which files are meant. A SRC itself is never left out.
#[derive(Debug, clap::Args)]
struct ScanArgs {
    /// Take only photos that match GLOB, or lie in a folder that does; may be repeated
    ///
    /// A GLOB with a `/` in it is matched against the path relative to SRC, one without against every name on
    /// it. `*` and `?` stand for anything within one name, `**` for any folders, `[…]` and `{a,b}` for
    /// choices. Upper and lower case are the same. A GLOB that ends with an extension takes such files
    /// whatever is in them.
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Leave out photos and folders that match GLOB, whatever `--include` says; may be repeated
    ///
    /// What is known already and left out counts no more, in galleries, gates and exports, until a run
    /// without the GLOB takes it again.
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// What to do about symbolic links; what is found by following one is known by its real path
    #[arg(long, value_enum, default_value_t)]
    symlinks: SymlinksArg,
    /// Take hidden files and folders too, those whose name begins with a dot
    #[arg(long)]
    hidden: bool,
    /// Take what NAS and other programs keep for themselves too: thumbnails, recycle bins, snapshots, earlier
    /// versions
    #[arg(long)]
    system_folders: bool,
}

impl Args {
    /// Whether the command writes anything.
    pub(super) fn writes(&self) -> bool {
        !self.dry_run
    }

    /// What there is to look at; checked before anything is written.
    pub(super) fn sources(&self) -> Result<Sources, Failure> {
        let ScanArgs { include, exclude, symlinks, hidden, system_folders } = &self.scan;
        let filter = Filter::new(include, exclude)?;
        let hidden = if *hidden { Hidden::Take } else { Hidden::Skip };
        let system_folders = if *system_folders { SystemFolders::Take } else { SystemFolders::Skip };
        let options = ScanOptions { filter, symlinks: (*symlinks).into(), hidden, system_folders };
        let rereading = if self.rehash { Rereading::Everything } else { Rereading::Changed };
        Ok(Sources::new(&self.sources, options)?.rereading(rereading))
    }

    /// Refuses to make a library where there is no photo; one that exists has to hear that they are gone.
    pub(super) fn check(&self, sources: &Sources, context: &Context) -> Result<(), Failure> {
        if self.dry_run || context.library.store_file().exists() {
            return Ok(());
        }
        match embed::no_photo_at_all(sources, context.monitor()) {
            None => Ok(()),
            Some((found, error)) => {
                context.ui.summary(&found)?;
                Err(error.into())
            }
        }
    }
}

/// Runs the command.
pub(super) fn run(args: &Args, sources: Sources, context: &Context) -> Result<Exit, Failure> {
    let known_failures = if args.retry_failed { KnownFailures::Retry } else { KnownFailures::Count };
    let losses = if args.accept_gone { Losses::Accept } else { Losses::Doubt };
    if args.dry_run {
        let summary = embed::dry_run(&sources, known_failures, losses, &context.library, context.monitor())?;
        context.ui.summary(&summary)?;
        return Ok(if summary.unreadable == 0 { Exit::Done } else { Exit::SomeFailed });
    }
    let file_system = args.workers.file_system();
    let options = Options { sources, file_system, known_failures, losses, workers: args.workers.options() };
    telling(context, |monitor, summary| embed::run(&options, &context.library, monitor, summary))
}

/// Has photos analysed, and tells the counters however that ended, unless it did not even begin.
pub(super) fn telling(
    context: &Context,
    run: impl FnOnce(&Arc<dyn Monitor>, &mut Summary) -> Result<Exit, EmbedError>,
) -> Result<Exit, Failure> {
    let monitor: Arc<dyn Monitor> = context.ui.clone();
    let mut summary = Summary::default();
    let result = run(&monitor, &mut summary);
    if summary.surveyed {
        context.ui.summary(&summary)?;
    }
    Ok(result?)
}
