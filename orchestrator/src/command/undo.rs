//! `facesets undo`: takes the last decision back.

use std::{fmt, path::PathBuf};

use serde::Serialize;

use super::Context;
use crate::{
    change,
    exit::{Exit, Failure},
    store::Writer,
};

#[derive(Debug, Serialize)]
struct Summary {
    command: String,
    folders: Vec<PathBuf>,
    sets: usize,
}

/// Runs the command.
pub fn run(context: &Context) -> Result<Exit, Failure> {
    let mut journal = Writer::open_existing(&context.library)?;
    let intent = change::undo(&mut journal, &*context.steps)?;
    let summary = Summary {
        sets: intent.roots.iter().map(|root| root.entries.len()).sum(),
        folders: intent.roots.into_iter().map(|root| root.root).collect(),
        command: intent.command,
    };
    context.ui.summary(&summary)?;
    Ok(Exit::Done)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "taken back: {}", self.command)?;
        for folder in &self.folders {
            writeln!(f, "`{}` is as it was before", folder.display())?;
        }
        Ok(())
    }
}
