//! What the commands that change output folders share: settling what an earlier one left open, hints.

use super::Context;
use crate::{
    change::{self, ChangeError, Recovered},
    exit::{Exit, Failure, Hint},
    monitor::Monitor as _,
    plan::ApplyError,
    store::{Store, StoreError, Writer},
    verify::VerifyError,
};

/// Finishes or takes back the change that an earlier command did not end. Every command does this before anything else.
pub(super) fn settle(context: &Context) -> Result<(), Failure> {
    // Whatever is wrong with the library, the command itself says so.
    let Ok(store) = Store::open_read(&context.library) else { return Ok(()) };
    if store.open_decision()?.is_none() {
        return Ok(());
    }
    drop(store);
    let mut journal = match Writer::open_existing(&context.library) {
        // It is not open but under way.
        Err(StoreError::InUse(_)) => return Ok(()),
        journal => journal?,
    };
    match change::recover(&mut journal, &*context.steps)? {
        Some(Recovered::Finished(command)) => {
            context.ui.note(&format!("`{command}` had been interrupted: it is complete now"));
        }
        Some(Recovered::TakenBack(command)) => {
            context.ui.note(&format!("`{command}` had been interrupted: everything is as it was before"));
        }
        None => {}
    }
    Ok(())
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
            Self::NothingToUndo | Self::Journal(_) => return None,
        })
    }
}

impl Hint for ApplyError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::GalleryDrifted | Self::FolderDrifted(_) => Some("make the plan again".to_owned()),
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
        match self {
            Self::Manifest(error) => error.hint(),
            Self::Io { .. } => None,
        }
    }
}
