//! One thin file a subcommand: arguments in, library calls, a summary out.

pub mod adopt;
pub mod apply;
pub mod certify;
mod certify_args;
mod changing;
pub mod cluster;
mod clustering;
pub mod consent;
mod contract_args;
pub mod dedup;
pub mod discover;
mod drop_report;
pub mod embed;
pub mod enrich;
pub mod era;
pub mod export_swap;
pub mod extend;
pub mod import;
mod memory;
mod output_args;
pub mod pin;
mod plan_args;
pub mod refine;
mod replacing;
pub mod retry;
mod shortage;
pub mod status;
pub mod store;
pub mod undo;
pub mod verify;
pub mod why;
pub mod worker;
mod worker_args;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    change::{Disk, Steps, Waiting},
    cli::{Cli, Command},
    exit::{Exit, Failure},
    library::Library,
    log,
    monitor::Monitor,
    ui::{Ui, Verbosity},
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
    /// Changes of output folders that wait: nothing of these folders can be used.
    waiting: Vec<Waiting>,
}

impl Context {
    /// Where progress and problems go.
    pub fn monitor(&self) -> &dyn Monitor {
        &*self.ui
    }

    /// The one path of an output folder that exists, however it is named; refused while a change of it waits.
    fn output(&self, path: &Path) -> Result<PathBuf, Failure> {
        changing::refuse_waiting(path, &self.waiting)?;
        Ok(plan_args::absolute(path)?)
    }
}

/// Runs the command that was asked for.
pub fn run(cli: &Cli, ui: Arc<Ui>) -> Result<Exit, Failure> {
    run_with(cli, ui, Arc::new(Disk))
}

/// As [`run`], with another way to rename.
pub fn run_with(cli: &Cli, ui: Arc<Ui>, steps: Arc<dyn Steps>) -> Result<Exit, Failure> {
    let mut context = Context { library: cli.global.library(), ui, steps, waiting: Vec::new() };
    // What was mistyped must not make a library.
    let sources = match &cli.command {
        Command::Embed(args) => {
            let sources = args.sources()?;
            args.check(&sources, &context)?;
            Some(sources)
        }
        _ => None,
    };
    start_log(&cli.command, &context, cli.global.ui_settings().verbosity)?;
    if !matches!(cli.command, Command::Worker(_)) {
        context.waiting = changing::settle(&context)?;
    }
    let result = match (&cli.command, sources) {
        (Command::Embed(args), Some(sources)) => embed::run(args, sources, &context),
        (Command::Embed(_), None) => unreachable!("its sources were made above"),
        (Command::Retry(args), _) => retry::run(args, &context),
        (Command::Enrich(args), _) => enrich::run(args, &context),
        (Command::Cluster(args), _) => cluster::run(args, &context),
        (Command::Refine(args), _) => refine::run(args, &context),
        (Command::ExportSwap(args), _) => export_swap::run(args, &context),
        (Command::Certify(args), _) => certify::run(args, &context),
        (Command::Extend(args), _) => extend::run(args, &context),
        (Command::Discover(args), _) => discover::run(args, &context),
        (Command::Import(args), _) => import::run(args, &context),
        (Command::Adopt(args), _) => adopt::run(args, &context),
        (Command::Era(args), _) => era::run(args, &context),
        (Command::Dedup(args), _) => dedup::run(args, &context),
        (Command::Why(args), _) => why::run(args, &context),
        (Command::Pin(args), _) => pin::run(args, &context),
        (Command::Consent(args), _) => consent::run(args, &context),
        (Command::Apply(args), _) => apply::run(args, &context),
        (Command::Undo(args), _) => undo::run(args, &context),
        (Command::Verify(args), _) => verify::run(args, &context),
        (Command::Status(args), _) => status::run(args, &context),
        (Command::Store(args), _) => store::run(args, &context),
        (Command::Worker(args), _) => worker::run(args, &context),
    };
    match &result {
        Ok(exit) => tracing::info!(?exit, "ended"),
        Err(failure) => tracing::error!(error = ?failure.chain(), hint = failure.hint, "ended"),
    }
    result
}

/// Commands that write to the library must be able to keep a log; those that only read it go on without one.
fn start_log(command: &Command, context: &Context, verbosity: Verbosity) -> Result<(), Failure> {
    let file = match log_of(command) {
        Some(Log::Needed(name)) => Some(log::create(&context.library, name)?),
        Some(Log::Wanted(name)) if context.library.folder().is_dir() => {
            match log::create(&context.library, name) {
                Ok(file) => Some(file),
                Err(error) => {
                    let folder = context.library.logs().display().to_string();
                    context.monitor().problem(&folder, &format!("no log is kept: {error}"));
                    None
                }
            }
        }
        _ => None,
    };
    log::start(file, verbosity);
    Ok(())
}

/// The log of a long command, by its name.
enum Log {
    /// The command makes or changes the library.
    Needed(&'static str),
    /// The command reads the library.
    Wanted(&'static str),
}

/// `None` for commands that are short or must not write anything.
fn log_of(command: &Command) -> Option<Log> {
    match command {
        Command::Embed(args) => args.writes().then_some(Log::Needed("embed")),
        Command::Retry(args) => args.writes().then_some(Log::Wanted("retry")),
        Command::Enrich(_) => Some(Log::Wanted("enrich")),
        Command::Cluster(_) => Some(Log::Wanted("cluster")),
        Command::Refine(_) => Some(Log::Wanted("refine")),
        Command::ExportSwap(_) => Some(Log::Wanted("export-swap")),
        Command::Certify(_) => Some(Log::Wanted("certify")),
        Command::Extend(_) => Some(Log::Wanted("extend")),
        Command::Discover(_) => Some(Log::Wanted("discover")),
        Command::Import(_) => Some(Log::Wanted("import")),
        Command::Adopt(_) => Some(Log::Wanted("adopt")),
        Command::Era(_) => Some(Log::Wanted("era")),
        Command::Dedup(_) => Some(Log::Wanted("dedup")),
        Command::Apply(_) => Some(Log::Wanted("apply")),
        Command::Undo(_) => Some(Log::Wanted("undo")),
        Command::Status(_)
        | Command::Verify(_)
        | Command::Why(_)
        | Command::Pin(_)
        | Command::Consent(_)
        | Command::Worker(_) => None,
        Command::Store(args) => args.log(),
    }
}
