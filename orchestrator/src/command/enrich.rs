//! `facesets enrich`: landmarks by the networks that workers have now, for faces that were found with others.

use facesets_base::exit::{Exit, Failure};

use super::{Context, embed::telling, worker_args::WorkerArgs};
use crate::pass::embed::{self, EnrichOptions};

/// Flags of `enrich`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    workers: WorkerArgs,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let options = EnrichOptions { file_system: args.workers.file_system(), workers: args.workers.options() };
    telling(context, |monitor, summary| embed::enrich(&options, &context.library, monitor, summary))
}
