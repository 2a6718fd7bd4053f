//! What everybody who makes crops has at hand: whose faces they are, how crops are made, who looks at them,
//! what is demanded of a set.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use facesets_base::{
    exit::{Exit, Hint},
    monitor::Monitor,
};
use facesets_people::{
    consent::{ConsentState, Demand, SetConsent},
    view::View,
};
use tokio_util::sync::CancellationToken;

use super::{
    ExportParameters, PlannedSet,
    formats::{Extras, Format},
};
use crate::{
    certificate::{Certificate, Examine, ExamineError, Skipped},
    manifest::ManifestError,
};

/// An export that cannot go on. A single photo that cannot be read is not such a case.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The output cannot be written.
    #[error("cannot write `{path}`: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Asked to.
    #[error("stopped before everything was exported")]
    Stopped,
    /// A manifest cannot be written.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Nobody looks at the crops any more.
    #[error(transparent)]
    Examine(#[from] ExamineError),
    /// Most of the crops that were looked at did not pass: that is said of workers and models sooner than of
    /// crops.
    #[error("{lost} of {seen} crops do not pass, {}{why}", whole(.sets))]
    MostLost {
        /// Crops that did not pass.
        lost: usize,
        /// Crops that were looked at.
        seen: usize,
        /// Sets of which none passed.
        sets: Vec<String>,
        /// What is the matter with the first of them.
        why: String,
    },
    /// A bundle is not what was written.
    #[error("`{path}` is not what was written: {what} {fault}")]
    Bundle {
        /// The bundle.
        path: PathBuf,
        /// The entry.
        what: String,
        /// What is wrong with it.
        fault: String,
    },
}

/// Who looks at crops before they are handed out.
#[derive(Clone, Copy)]
pub enum Certify<'a> {
    /// This one, and what is done where much does not pass.
    By(&'a dyn Examine, Losses),
    /// Nobody, for this reason.
    Skip(Skipped),
}

/// What is done where more than half of the crops do not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Losses {
    /// Nothing is handed out: it is the worker or its model that sees nothing.
    RefuseMost,
    /// What passes is handed out.
    Accept,
}

impl Certify<'_> {
    /// What the manifest of a set says whose crops have passed.
    pub fn certificate(&self) -> Certificate {
        match self {
            Self::By(..) => Certificate::passed(),
            Self::Skip(reason) => Certificate::Skipped { reason: *reason },
        }
    }
}

/// Writes planned sets.
pub struct Renderer<'a> {
    /// What is known of the library's faces.
    pub view: &'a View,
    /// How crops are made.
    pub parameters: &'a ExportParameters,
    /// Who looks at them.
    pub certify: Certify<'a>,
    /// What is demanded of each set.
    pub demand: Demand,
    /// Other formats to write, each once.
    pub formats: &'a BTreeSet<Format>,
    /// What these need besides; that of every face that may be the best of its set.
    pub extras: &'a Extras,
    /// Hears of progress and of photos that cannot be read.
    pub monitor: &'a dyn Monitor,
    /// Asks to stop between two photos.
    pub stop: &'a CancellationToken,
}

impl Renderer<'_> {
    /// The consent of a set; what is amiss with it is told of if the set is handed out nevertheless.
    pub(super) fn consent_of(&self, set: &PlannedSet) -> SetConsent {
        let consent = self.view.consent.consent(&set.person);
        if self.demand.is_met_by(&consent) && consent.is_amiss() {
            let left_out_by = match consent.state {
                ConsentState::Refused => "it is handed out as `--include-refused` says",
                ConsentState::Granted | ConsentState::Unknown => "`--require-consent` leaves such sets out",
            };
            self.monitor.problem(&set.name, &format!("{consent} ({left_out_by})"));
        }
        consent
    }
}

/// What makes an error of reading or writing one of the export.
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> RenderError + '_ {
    move |source| RenderError::Io { path: path.to_owned(), source }
}

/// The sets of which nothing is left, to be followed by a reason.
fn whole(sets: &[String]) -> String {
    match sets {
        [] => "for example: ".to_owned(),
        sets => format!("and nothing would be left of {}; for example: ", sets.join(", ")),
    }
}

impl Hint for RenderError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Stopped => "nothing was changed: run the same command again".to_owned(),
            Self::Examine(error) => return error.hint(),
            Self::MostLost { .. } => "`facesets worker test` and `facesets certify` tell whether the worker sees anything in crops that are sound; \
                                      `--accept-losses` goes on without the crops that do not pass, `--no-certificate` with them"
                .to_owned(),
            Self::Io { .. } | Self::Manifest(_) | Self::Bundle { .. } => {
                "see that the disk is healthy and has room, then run the same command again".to_owned()
            }
        })
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Stopped => Exit::Interrupted,
            Self::Examine(error) => error.exit(),
            _ => Exit::CannotContinue,
        }
    }
}
