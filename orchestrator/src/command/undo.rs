//! `facesets undo`: takes the last decision back.

use std::{fmt, path::PathBuf};

use serde::Serialize;

use super::Context;
use crate::{
    change::{Intent, Undo},
    exit::{Exit, Failure},
    store::{Store, Writer},
};

/// Flags of `undo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only say what would be taken back
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct Summary {
    command: String,
    folders: Vec<PathBuf>,
    sets: usize,
    dry_run: bool,
    /// Later changes that cannot be taken back any more, and why.
    passed_over: Vec<String>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let summary = if args.dry_run {
        let undo = find(&Store::open_read(&context.library)?, context)?;
        let (_, intent) = undo.decision()?;
        Summary::new(intent.clone(), passed_over(&undo), true)
    } else {
        let mut journal = Writer::open_existing(&context.library)?;
        let undo = find(journal.store(), context)?;
        let passed_over = passed_over(&undo);
        Summary::new(undo.carry_out(&mut journal, &*context.steps)?, passed_over, false)
    };
    context.ui.summary(&summary)?;
    Ok(Exit::Done)
}

/// What can be taken back; tells of later changes that cannot, also where there is nothing else.
fn find(store: &Store, context: &Context) -> Result<Undo, Failure> {
    let undo = Undo::find(store)?;
    for passed in &undo.passed_over {
        context.monitor().note(&passed.to_string());
    }
    Ok(undo)
}

fn passed_over(undo: &Undo) -> Vec<String> {
    undo.passed_over.iter().map(ToString::to_string).collect()
}

impl Summary {
    fn new(intent: Intent, passed_over: Vec<String>, dry_run: bool) -> Self {
        Self {
            sets: intent.roots.iter().map(|root| root.entries.len()).sum(),
            folders: intent.roots.into_iter().map(|root| root.root).collect(),
            command: intent.command,
            dry_run,
            passed_over,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (taken, is) =
            if self.dry_run { ("would be taken back", "would be") } else { ("taken back", "is") };
        writeln!(f, "{taken}: {}", self.command)?;
        for folder in &self.folders {
            writeln!(f, "`{}` {is} as it was before", folder.display())?;
        }
        Ok(())
    }
}
