//! `facesets retry`: tries again what failed.

use std::fmt;

use facesets_base::exit::{Exit, Failure};
use facesets_library::store::{FailedContent, Store};
use serde::Serialize;

use super::{
    Context,
    embed::telling,
    status::{FailedByKind, list_failed},
    worker_args::WorkerArgs,
};
use crate::pass::embed::{self, RetryOptions};

/// Flags of `retry`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Every photo that could not be analysed, where it was seen last; the default, and all that can be
    /// chosen
    #[arg(long)]
    failed: bool,
    /// Only failures of this kind; may be repeated
    #[arg(long = "kind", value_name = "KIND", value_parser = ["decode", "too_large", "unsupported", "kills_worker"])]
    kinds: Vec<String>,
    #[command(flatten)]
    workers: WorkerArgs,
    /// List them, by contract: nothing is written, no worker is started or asked
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    /// Whether the command writes anything.
    pub(super) fn writes(&self) -> bool {
        !self.dry_run
    }
}

/// What would be tried again under a contract.
#[derive(Debug, Serialize)]
struct Listed {
    contract: String,
    failed: Vec<FailedContent>,
}

#[derive(Debug, Serialize)]
struct DryRun {
    contracts: Vec<Listed>,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    if args.dry_run {
        context.ui.summary(&list(args, context)?)?;
        return Ok(Exit::Done);
    }
    let options = RetryOptions {
        kinds: args.kinds.clone(),
        file_system: args.workers.file_system(),
        workers: args.workers.options(),
    };
    telling(context, |monitor, summary| embed::retry(&options, &context.library, monitor, summary))
}

fn list(args: &Args, context: &Context) -> Result<DryRun, Failure> {
    let status = Store::open_read(&context.library)?.status()?;
    let wanted = |content: &FailedContent| {
        !content.vanished && (args.kinds.is_empty() || args.kinds.contains(&content.kind))
    };
    let listed = status.contracts.into_iter().map(|contract| Listed {
        contract: contract.contract,
        failed: contract.failed.into_iter().filter(wanted).collect(),
    });
    Ok(DryRun { contracts: listed.collect() })
}

impl fmt::Display for DryRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Listed { contract, failed } in &self.contracts {
            writeln!(f, "contract   {contract}")?;
            writeln!(f, "failed     {}", FailedByKind(failed))?;
            list_failed(f, failed)?;
        }
        writeln!(f, "Nothing was tried: the worker's contract decides which of these would be.")
    }
}
