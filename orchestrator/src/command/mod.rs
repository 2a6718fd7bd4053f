//! One thin file a subcommand: arguments in, library calls, a summary out.

pub mod cluster;
mod drop_report;
pub mod embed;
pub mod export_swap;
mod output_args;
pub mod refine;
pub mod status;
pub mod store;
mod worker_args;

use std::sync::Arc;

use crate::{
    cli::{Cli, Command},
    exit::{Exit, Failure},
    library::Library,
    log,
    monitor::Monitor,
    ui::Ui,
};

/// What every command works with.
#[derive(Debug)]
pub struct Context {
    /// The library meant.
    pub library: Library,
    /// Prints summaries, and is the monitor.
    pub ui: Arc<Ui>,
}

impl Context {
    /// Where progress and problems go.
    pub fn monitor(&self) -> &dyn Monitor {
        &*self.ui
    }
}

/// Runs the command that was asked for.
pub fn run(cli: &Cli, ui: Arc<Ui>) -> Result<Exit, Failure> {
    let context = Context { library: cli.global.library(), ui };
    log::start(&context.library, log_name(&cli.command), cli.global.ui_settings().verbosity)?;
    let result = match &cli.command {
        Command::Embed(args) => embed::run(args, &context),
        Command::Cluster(args) => cluster::run(args, &context),
        Command::Refine(args) => refine::run(args, &context),
        Command::ExportSwap(args) => export_swap::run(args, &context),
        Command::Status(args) => status::run(args, &context),
        Command::Store(args) => store::run(args, &context),
    };
    match &result {
        Ok(exit) => tracing::info!(?exit, "ended"),
        Err(failure) => tracing::error!(error = ?failure.chain(), hint = failure.hint, "ended"),
    }
    result
}

/// The name under which a long command keeps a log; `None` for those that only look.
fn log_name(command: &Command) -> Option<&'static str> {
    match command {
        Command::Embed(_) => Some("embed"),
        Command::Cluster(_) => Some("cluster"),
        Command::Refine(_) => Some("refine"),
        Command::ExportSwap(_) => Some("export-swap"),
        Command::Status(_) | Command::Store(_) => None,
    }
}
