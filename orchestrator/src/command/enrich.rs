//! `facesets enrich`: landmarks by the networks that workers have now, for faces that were found with others.

use std::sync::Arc;

use super::{Context, worker_args::WorkerArgs};
use crate::{
    embed::{self, EnrichOptions, Summary},
    exit::{Exit, Failure},
    monitor::Monitor,
};

/// Flags of `enrich`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    workers: WorkerArgs,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let monitor: Arc<dyn Monitor> = context.ui.clone();
    let mut summary = Summary::default();
    let options = EnrichOptions { file_system: args.workers.file_system(), workers: args.workers.options() };
    let result = embed::enrich(&options, &context.library, &monitor, &mut summary);
    if summary.surveyed {
        context.ui.summary(&summary)?;
    }
    Ok(result?)
}
