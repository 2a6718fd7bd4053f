//! One thin file a subcommand: arguments become the options of a pass, its report becomes text or JSON.

pub mod adopt;
pub mod apply;
pub mod certify;
mod certify_args;
mod choices;
pub mod cluster;
mod clustering_args;
pub mod consent;
mod contract_args;
pub mod dedup;
pub mod discover;
pub mod embed;
pub mod enrich;
pub mod era;
pub mod export_swap;
pub mod extend;
pub mod import;
mod output_args;
mod parameters;
pub mod pin;
mod plan_args;
pub mod refine;
pub mod retry;
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

use clap::Subcommand;
use facesets_base::{
    exit::{Exit, Failure},
    library::Library,
    monitor::Monitor,
};
use facesets_corpus::change::{Steps, Waiting};
use tokio_util::sync::CancellationToken;

use crate::{
    log,
    pass::{Session, changing},
    ui::Ui,
};

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find and embed every face in the photos under SRC
    Embed(embed::Args),
    /// Try photos again that could not be analysed, without looking for new ones
    Retry(retry::Args),
    /// Bring landmarks by the workers' networks to faces that have others, without embedding them again
    Enrich(enrich::Args),
    /// Group the faces of the library by person
    Cluster(cluster::Args),
    /// Cluster, then merge, gate and number what remains
    Refine(refine::Args),
    /// Turn refined sets into ranked single-face crops and bundles
    ExportSwap(export_swap::Args),
    /// Look at bundles and crops as the tools will that they are for
    Certify(certify::Args),
    /// Fold new faces into the folders that `cluster` and `refine` wrote, without renumbering
    Extend(extend::Args),
    /// Find new identities among the faces of a folder that no faceset covers
    Discover(discover::Args),
    /// Add identities that were sorted by hand
    Import(import::Args),
    /// Take over what the system before this one exported: numbers, labels, quarantines, drops
    Adopt(adopt::Args),
    /// Split a person who spans many years by era
    Era(era::Args),
    /// Report photos that are there more than once
    ///
    /// The same bytes at several places, and groups of near-duplicates: photos that share a face (cosine
    /// similarity of at least 0.95) and look alike as a whole (difference hash), whatever else is like them.
    /// A group is what such pairs connect. Of photos without a face only the bytes are compared.
    Dedup(dedup::Args),
    /// Say what became of a face, and why
    Why(why::Args),
    /// Say what you know better: two faces are one person's, are not, or there is no face
    Pin(pin::Args),
    /// Say who agreed to be handed out, and where photos come from
    Consent(consent::Args),
    /// Carry out what another command wrote with `--plan`
    Apply(apply::Args),
    /// Take the last change of output folders back
    Undo(undo::Args),
    /// Check that an output folder holds what its manifests say and agrees with the library
    Verify(verify::Args),
    /// Say what the library holds, what is missing and what failed
    Status(status::Args),
    /// Look into the store itself
    Store(store::Args),
    /// Pair with workers on other machines, and look after them
    Worker(worker::Args),
}

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

    /// Where a pass works that `stop` can stop.
    fn session<'a>(&'a self, stop: &'a CancellationToken) -> Session<'a> {
        Session {
            library: &self.library,
            monitor: self.monitor(),
            steps: &*self.steps,
            stop,
            waiting: &self.waiting,
        }
    }

    /// The one path of an output folder that exists, however it is named; refused while a change of it waits.
    fn output(&self, path: &Path) -> Result<PathBuf, Failure> {
        self.session(&CancellationToken::new()).output(path)
    }
}

/// Runs a command on a library, with renames as `steps` does them.
pub fn run(command: &Command, library: Library, ui: Arc<Ui>, steps: Arc<dyn Steps>) -> Result<Exit, Failure> {
    let mut context = Context { library, ui, steps, waiting: Vec::new() };
    // What was mistyped must not make a library.
    let sources = match command {
        Command::Embed(args) => {
            let sources = args.sources()?;
            args.check(&sources, &context)?;
            Some(sources)
        }
        _ => None,
    };
    start_log(command, &context)?;
    if !matches!(command, Command::Worker(_)) {
        context.waiting = changing::settle(&context.library, &*context.steps, context.monitor())?;
    }
    let result = match (command, sources) {
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
fn start_log(command: &Command, context: &Context) -> Result<(), Failure> {
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
    log::start(file, context.ui.verbosity());
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
