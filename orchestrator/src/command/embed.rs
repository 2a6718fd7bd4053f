//! `facesets embed`: finds and embeds every face under some folders.

use std::{path::PathBuf, sync::Arc};

use super::{Context, worker_args::WorkerArgs};
use crate::{
    embed::{self, KnownFailures, Options, Summary},
    exit::{Exit, Failure},
    monitor::Monitor,
    store::FileSystemPolicy,
};

/// Flags of `embed`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of photos, or photos; folders are searched recursively, hidden files and links are passed over
    #[arg(required = true, value_name = "SRC")]
    sources: Vec<PathBuf>,
    /// Who analyses.
    #[command(flatten)]
    workers: WorkerArgs,
    /// Allow a library on a Windows drive or the like (9p, drvfs), with a slower journal
    #[arg(long)]
    unsafe_fs: bool,
    /// Try photos again that could not be analysed before
    #[arg(long)]
    retry_failed: bool,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let monitor: Arc<dyn Monitor> = context.ui.clone();
    let mut summary = Summary::default();
    let result = embed::run(&options(args), &context.library, &monitor, &mut summary);
    // Counters are told however it ended, unless it did not even begin.
    if summary.surveyed {
        context.ui.summary(&summary)?;
    }
    Ok(result?)
}

fn options(args: &Args) -> Options {
    Options {
        sources: args.sources.clone(),
        file_system: if args.unsafe_fs {
            FileSystemPolicy::RollbackJournal
        } else {
            FileSystemPolicy::Refuse
        },
        known_failures: if args.retry_failed { KnownFailures::Retry } else { KnownFailures::Tell },
        workers: args.workers.options(),
    }
}
