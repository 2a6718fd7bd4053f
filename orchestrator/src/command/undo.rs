//! `facesets undo`: takes the last decision back.

use std::{
    fmt, fs,
    path::{self, Path, PathBuf},
};

use facesets_base::exit::{Exit, Failure};
use facesets_corpus::change::{self, Abandoned, Intent, Undo};
use facesets_library::store::{Store, Writer};
use serde::Serialize;

use super::Context;

/// Flags of `undo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only say what would be taken back
    #[arg(long)]
    dry_run: bool,
    /// Give up the interrupted change of FOLDER that waits for it, as FOLDER is gone for good. What else it
    /// changed goes back to what it was
    #[arg(long, value_name = "FOLDER", conflicts_with = "dry_run")]
    abandon: Option<PathBuf>,
}

/// What was given up.
#[derive(Debug, Serialize)]
struct GivenUp {
    abandoned: String,
    as_before: Vec<PathBuf>,
    left: Vec<PathBuf>,
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
    if let Some(folder) = &args.abandon {
        return abandon(folder, context);
    }
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

fn abandon(folder: &Path, context: &Context) -> Result<Exit, Failure> {
    let mut journal = Writer::open_existing(&context.library)?;
    // It may not be there, so that only its parent has a real path.
    let named = path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let real = named.parent().and_then(|parent| fs::canonicalize(parent).ok());
    let real = real.zip(named.file_name()).map(|(parent, name)| parent.join(name));
    let root = [Some(&named), real.as_ref()]
        .into_iter()
        .flatten()
        .find(|root| context.waiting.iter().any(|waiting| waiting.roots.contains(root)));
    let Abandoned { command, as_before, left } =
        change::abandon(&mut journal, &*context.steps, root.unwrap_or(&named))?;
    context.ui.summary(&GivenUp { abandoned: command, as_before, left })?;
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

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "given up: {}", self.abandoned)?;
        for folder in &self.as_before {
            writeln!(f, "`{}` is as it was before", folder.display())?;
        }
        for folder in &self.left {
            writeln!(f, "`{}` stays as it is, wherever it is", folder.display())?;
        }
        Ok(())
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
