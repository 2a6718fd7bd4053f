//! What the commands that change output folders share: settling what an earlier one left open, hints.

use std::{
    fs,
    path::{self, Path, PathBuf},
};

use super::Context;
use crate::{
    change::{self, ChangeError, Recovered, Settled, Waiting},
    exit::{Exit, Failure, Hint},
    monitor::Monitor as _,
    plan::ApplyError,
    store::{Store, StoreError, Writer},
    verify::VerifyError,
};

/// Finishes or takes back the changes that earlier commands did not end. Every command does this before
/// anything else. Returns those that wait, as their folders are away or cannot be changed; each is told of.
pub(super) fn settle(context: &Context) -> Result<Vec<Waiting>, Failure> {
    // Whatever is wrong with the library, the command itself says so.
    let Ok(store) = Store::open_read(&context.library) else { return Ok(Vec::new()) };
    if !store.decisions()?.iter().any(|decision| decision.state.is_open()) {
        return Ok(Vec::new());
    }
    let settled = match Writer::open_existing(&context.library) {
        // It is not open but under way.
        Err(StoreError::InUse(_)) => return Ok(Vec::new()),
        Ok(mut journal) => {
            drop(store);
            change::settle(&mut journal, &*context.steps)?
        }
        // Who only reads goes on, as far as it can.
        Err(error) => {
            let why = || ChangeError::Journal(format!("it cannot be written to: {error}"));
            Settled { waiting: change::all_waiting(&store, why)?, ..Settled::default() }
        }
    };
    for recovered in settled.recovered {
        context.ui.note(&match recovered {
            Recovered::Finished(command) => format!("`{command}` had been interrupted: it is complete now"),
            Recovered::TakenBack(command) => {
                format!("`{command}` had been interrupted: everything is as it was before")
            }
        });
    }
    for waiting in &settled.waiting {
        context.ui.note(&waiting.to_string());
    }
    Ok(settled.waiting)
}

/// A folder with a change that waits.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` cannot be used now: {what}")]
pub(super) struct InTheMiddle {
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
pub(super) fn refuse_waiting(path: &Path, waiting: &[Waiting]) -> Result<(), InTheMiddle> {
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

impl Hint for ChangeError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::RolledBack { .. } => {
                "close the programs that have its files open, then run the same command again".to_owned()
            }
            Self::Stuck { .. } => "close the programs that have its files open, then run any command: \
                                   it goes on from there"
                .to_owned(),
            Self::Unrecognised { root, .. } => format!(
                "what was replaced is in `{}`: put the set back by hand, then run any command",
                root.join(change::KEPT).display()
            ),
            Self::ChangedSince { .. } => {
                "undo what was changed by hand first; earlier sets are in its `.facesets` folder".to_owned()
            }
            Self::Store(error) => return error.hint(),
            Self::Io { .. } => "see that the disk has room and the folder may be written".to_owned(),
            Self::NotUtf8(_) => "rename it".to_owned(),
            Self::Waits { root, .. } => format!(
                "run any command when it is back; to give it up: `facesets undo --abandon {}`",
                root.display()
            ),
            Self::NothingWaits(_) => {
                "name the folder as the notes of other commands do; where nothing waits, `facesets undo` takes \
                 the last change back"
                    .to_owned()
            }
            Self::Link(_) => "put a folder in its place: nothing is written through links".to_owned(),
            Self::NothingToUndo => {
                "what `--replace` has moved aside lies beside it as OUT.previous-N: move it back by hand"
                    .to_owned()
            }
            Self::Journal(_) => return None,
        })
    }
}

impl Hint for ApplyError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::GalleryDrifted | Self::FolderDrifted(_) => Some("make the plan again".to_owned()),
            Self::NotOurs(_) => Some(
                "plans change what `facesets cluster`, `refine`, `export-swap` or the system before this one wrote: make \
                 the plan again"
                    .to_owned(),
            ),
            Self::Taken(_) => Some("move it away, or make the plan again".to_owned()),
            Self::Stopped => Some("run the same command again".to_owned()),
            Self::Io { .. } => Some("see that the disk has room and the folder may be written".to_owned()),
            Self::Manifest(error) => error.hint(),
            Self::Change(error) => error.hint(),
            Self::Render(error) => error.hint(),
            Self::UnknownMember(error) => error.hint(),
            Self::Name(_) | Self::UnknownFace { .. } => None,
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Stopped => Exit::Interrupted,
            Self::Render(error) => error.exit(),
            _ => Exit::CannotContinue,
        }
    }
}

impl Hint for VerifyError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Manifest(error) => return error.hint(),
            Self::NotUnderstood(_) => "nothing was changed: use the `facesets` that wrote it, which may be a newer one; if it is of no \
                                       use any more, move it away, and `facesets verify CORPUS --repair` makes another"
                .to_owned(),
            Self::Stopped => "run the same command again".to_owned(),
            Self::Io { .. } => return None,
        })
    }

    fn exit(&self) -> Exit {
        if matches!(self, Self::Stopped) { Exit::Interrupted } else { Exit::CannotContinue }
    }
}
