//! `facesets worker remove NAME`: forgets a worker here. What it knows of us, its own machine forgets.

use std::{fmt, path::Path};

use facesets_base::exit::{Exit, Failure};
use facesets_workers::selection::workers_file::Draft;
use serde::Serialize;

use super::Context;

/// Flags of `worker remove`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name or address of the worker
    name: String,
}

#[derive(Debug, Serialize)]
struct Summary {
    removed: String,
}

/// Runs the command.
pub(super) fn run(args: &Args, file: &Path, context: &Context) -> Result<Exit, Failure> {
    let mut draft = Draft::open(file)?;
    let removed = draft.remove(&args.name)?.label();
    draft.save()?;
    context.ui.summary(&Summary { removed })?;
    Ok(Exit::Done)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} is known no more", self.removed)
    }
}
