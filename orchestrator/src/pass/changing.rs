//! What the passes that change output folders share: settling what an earlier one left open, hints.

use std::{
    fs,
    path::{self, Path, PathBuf},
};

use facesets_base::{
    exit::{Failure, Hint},
    library::Library,
    monitor::Monitor,
};
use facesets_corpus::change::{self, ChangeError, Recovered, Settled, Steps, Waiting};
use facesets_library::store::{Store, StoreError, Writer};

/// Finishes or takes back the changes that earlier commands did not end. Every command does this before
/// anything else. Returns those that wait, as their folders are away or cannot be changed; each is told of.
pub(crate) fn settle(
    library: &Library,
    steps: &dyn Steps,
    monitor: &dyn Monitor,
) -> Result<Vec<Waiting>, Failure> {
    // Whatever is wrong with the library, the command itself says so.
    let Ok(store) = Store::open_read(library) else { return Ok(Vec::new()) };
    if !store.decisions()?.iter().any(|decision| decision.state.is_open()) {
        return Ok(Vec::new());
    }
    let settled = match Writer::open_existing(library) {
        // It is not open but under way.
        Err(StoreError::InUse(_)) => return Ok(Vec::new()),
        Ok(mut journal) => {
            drop(store);
            change::settle(&mut journal, steps)?
        }
        // Who only reads goes on, as far as it can.
        Err(error) => {
            let why = || ChangeError::Journal(format!("it cannot be written to: {error}"));
            Settled { waiting: change::all_waiting(&store, why)?, ..Settled::default() }
        }
    };
    for recovered in settled.recovered {
        monitor.note(&match recovered {
            Recovered::Finished(command) => format!("`{command}` had been interrupted: it is complete now"),
            Recovered::TakenBack(command) => {
                format!("`{command}` had been interrupted: everything is as it was before")
            }
        });
    }
    for waiting in &settled.waiting {
        monitor.note(&waiting.to_string());
    }
    Ok(settled.waiting)
}

/// A folder with a change that waits.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` cannot be used now: {what}")]
pub(crate) struct InTheMiddle {
    path: PathBuf,
    what: String,
    hint: String,
}

impl Hint for InTheMiddle {
    fn hint(&self) -> Option<String> {
        Some(self.hint.clone())
    }
}

/// Demands that no change waits of a folder that a command is to read or write.
pub(crate) fn refuse_waiting(path: &Path, waiting: &[Waiting]) -> Result<(), InTheMiddle> {
    let real = fs::canonicalize(path).or_else(|_| path::absolute(path)).unwrap_or_else(|_| path.to_owned());
    let Some(waits) = waiting.iter().find(|waiting| waiting.touches(&real)) else { return Ok(()) };
    let back = match &waits.why {
        Ok(root) => format!(
            "put `{}` back in its place, mounted and under its name, and run any command: the change goes on from there",
            root.display()
        ),
        Err(error) => error.hint().unwrap_or_else(|| "see what is the matter with it".to_owned()),
    };
    let root = waits.root().map_or_else(String::new, |root| root.display().to_string());
    let hint = format!("{back}; to give the change up: `facesets undo --abandon {root}`");
    Err(InTheMiddle { path: path.to_owned(), what: waits.to_string(), hint })
}
