//! `facesets worker`: the workers on other machines that this user has paired with.

mod add;
mod bench;
mod list;
mod remove;
mod test;

use std::{
    io,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use facesets_base::{
    exit::{Exit, Failure, Hint},
    monitor::Monitor as _,
};
use facesets_workers::{
    dispatch::WorkerEndpoint,
    selection::{
        self,
        workers_file::{self, WorkersFileError},
    },
};
use tokio::runtime::Runtime;

use super::Context;

/// Flags of `worker`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    command: WorkerCommand,
    /// File that names the workers [default: facesets/workers.toml in the XDG configuration folder]
    #[arg(long, global = true, value_name = "FILE", env = "FACESETS_WORKERS_FILE")]
    workers_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum WorkerCommand {
    /// Pair with a worker on another machine, with the code that `facesets-worker pair` shows there
    Add(add::Args),
    /// List the workers; no secret is shown
    List,
    /// Connect to workers and say what they are
    Test(test::Args),
    /// Measure how fast a worker is, from here
    Bench(bench::Args),
    /// Forget a worker; `facesets-worker clients revoke` on its machine ends what this one knows of it
    Remove(remove::Args),
}

/// Why there is nothing to work with.
#[derive(Debug, thiserror::Error)]
enum WorkerError {
    /// No home folder.
    #[error("there is no home folder, and so no file of workers")]
    NoHome,
    /// No threads.
    #[error("cannot start the network threads: {0}")]
    Network(#[source] io::Error),
}

impl Hint for WorkerError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoHome => Some("name the file with `--workers-file FILE`".to_owned()),
            Self::Network(_) => None,
        }
    }
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let file = args.workers_file.clone().or_else(selection::user_file).ok_or(WorkerError::NoHome)?;
    match &args.command {
        WorkerCommand::Add(args) => add::run(args, &file, context),
        WorkerCommand::List => list::run(&file, context),
        WorkerCommand::Test(args) => test::run(args, &file, context),
        WorkerCommand::Bench(args) => bench::run(args, &file, context),
        WorkerCommand::Remove(args) => remove::run(args, &file, context),
    }
}

fn network() -> Result<Runtime, WorkerError> {
    selection::network().map_err(WorkerError::Network)
}

/// The workers that the file names; none where there is no file. Says so if others can read the tokens.
fn known(file: &Path, context: &Context) -> Result<Vec<WorkerEndpoint>, WorkersFileError> {
    match workers_file::read(file) {
        Ok(roster) => {
            for exposed in &roster.exposed {
                let path = exposed.display().to_string();
                context
                    .ui
                    .problem(&path, "others than its owner may read the token in it: `chmod 600` closes it");
            }
            Ok(roster.endpoints)
        }
        Err(WorkersFileError::Empty(_)) => Ok(Vec::new()),
        Err(WorkersFileError::Io { path, source })
            if path == file && source.kind() == io::ErrorKind::NotFound =>
        {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// The worker of that name, or at that address.
fn called(name: &str, file: &Path, context: &Context) -> Result<WorkerEndpoint, WorkersFileError> {
    let endpoints = known(file, context)?;
    let labels = endpoints.iter().map(WorkerEndpoint::label).collect();
    endpoints.into_iter().find(|endpoint| endpoint.is_called(name)).ok_or_else(|| WorkersFileError::Unknown {
        path: file.to_owned(),
        name: name.to_owned(),
        known: labels,
    })
}
