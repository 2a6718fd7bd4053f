//! One thin file a subcommand: arguments in, library calls, a summary out.

pub mod apply;
mod changing;
pub mod cluster;
mod clustering;
pub mod dedup;
pub mod discover;
mod drop_report;
pub mod embed;
pub mod export_swap;
pub mod extend;
pub mod import;
mod memory;
mod output_args;
pub mod pin;
mod plan_args;
pub mod refine;
pub mod status;
pub mod store;
pub mod undo;
pub mod verify;
pub mod why;

use std::sync::Arc;

use crate::{
    change::{Disk, Steps},
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
    /// Does the renames of changes to output folders.
    pub steps: Arc<dyn Steps>,
}

impl Context {
    /// Where progress and problems go.
    pub fn monitor(&self) -> &dyn Monitor {
        &*self.ui
    }
}

/// Runs the command that was asked for.
pub fn run(cli: &Cli, ui: Arc<Ui>) -> Result<Exit, Failure> {
    run_with(cli, ui, Arc::new(Disk))
}

/// As [`run`], with another way to rename.
pub fn run_with(cli: &Cli, ui: Arc<Ui>, steps: Arc<dyn Steps>) -> Result<Exit, Failure> {
    let context = Context { library: cli.global.library(), ui, steps };
    log::start(&context.library, log_name(&cli.command), cli.global.ui_settings().verbosity)?;
    changing::settle(&context)?;
    let result = match &cli.command {
        Command::Embed(args) => embed::run(args, &context),
        Command::Cluster(args) => cluster::run(args, &context),
        Command::Refine(args) => refine::run(args, &context),
        Command::ExportSwap(args) => export_swap::run(args, &context),
        Command::Extend(args) => extend::run(args, &context),
        Command::Discover(args) => discover::run(args, &context),
        Command::Import(args) => import::run(args, &context),
        Command::Dedup(args) => dedup::run(args, &context),
        Command::Why(args) => why::run(args, &context),
        Command::Pin(args) => pin::run(args, &context),
        Command::Apply(args) => apply::run(args, &context),
        Command::Undo => undo::run(&context),
        Command::Verify(args) => verify::run(args, &context),
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
        Command::Extend(_) => Some("extend"),
        Command::Discover(_) => Some("discover"),
        Command::Import(_) => Some("import"),
        Command::Dedup(_) => Some("dedup"),
        Command::Apply(_) => Some("apply"),
        Command::Undo => Some("undo"),
        Command::Status(_) | Command::Store(_) | Command::Verify(_) | Command::Why(_) | Command::Pin(_) => {
            None
        }
    }
}
