//! Flags of the commands that hand crops out: who looks at them, and whether consent is demanded.

use std::fmt;

use facesets_base::exit::{Exit, Hint};
use facesets_corpus::{
    certificate::{Ask, Examine as _, ExamineError, Examiner, Skipped},
    export::renderer::{Certify, Losses},
};
use facesets_people::consent::{ConsentState, Demand, Withheld};
use tokio_util::sync::CancellationToken;

use super::{
    Context,
    worker_args::{ReachArgs, det_size_of},
};

/// Whether crops are looked at before they are handed out, and by whom.
#[derive(Debug, clap::Args)]
pub(super) struct CertifyArgs {
    /// Do not have a worker look at the crops: nobody vouches that each shows one face, and the manifests say
    /// so
    #[arg(long)]
    no_certificate: bool,
    /// Go on where no crop passes, or fewer than half of them, as with a worker that sees nothing: sets of
    /// which none passes are left out
    #[arg(long, conflicts_with = "no_certificate")]
    accept_losses: bool,
    #[command(flatten)]
    workers: ReachArgs,
}

/// Nobody can look at the crops.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoExaminer {
    /// There is no worker, or none that can be used.
    #[error("nobody can look at the crops: {0}")]
    Worker(#[from] ExamineError),
    /// There is one with other models.
    #[error(
        "nobody can look at the crops: the faces are under contract `{wanted}`, the worker's models under `{found}`"
    )]
    OtherModels {
        /// Of the faces.
        wanted: String,
        /// Of the workers.
        found: String,
    },
}

impl Hint for NoExaminer {
    fn hint(&self) -> Option<String> {
        let first = match self {
            Self::Worker(error) if error.is_cancellation() => return error.hint(),
            Self::Worker(error) => error.hint(),
            Self::OtherModels { .. } => Some("choose the pack with `--pack`".to_owned()),
        };
        let first = first.map_or_else(String::new, |first| format!("{first}; "));
        Some(format!(
            "{first}`facesets worker test` says which workers answer, `--no-certificate` does without their looking"
        ))
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Worker(error) => error.exit(),
            Self::OtherModels { .. } => Exit::CannotContinue,
        }
    }
}

/// What is demanded of a set before it is handed out.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct ConsentArgs {
    /// Leave sets out whose consent is not granted (`facesets consent`); without this, only those whose
    /// consent is refused
    #[arg(long)]
    require_consent: bool,
    /// Hand out sets whose consent is refused too, with that in their manifest
    #[arg(long, conflicts_with = "require_consent")]
    include_refused: bool,
}

impl ConsentArgs {
    pub(super) fn demand(self) -> Demand {
        match self {
            Self { require_consent: true, .. } => Demand::Granted,
            Self { include_refused: true, .. } => Demand::IncludingRefused,
            Self { .. } => Demand::NotRefused,
        }
    }
}

/// Names the sets that were left out because of what is said of consent, and counts those whose consent is
/// refused.
pub(super) fn write_withheld(f: &mut fmt::Formatter<'_>, withheld: &[Withheld]) -> fmt::Result {
    withheld.iter().try_for_each(|set| writeln!(f, "{set}"))?;
    let refused = withheld.iter().filter(|set| set.consent.state == ConsentState::Refused).count();
    match refused {
        0 => Ok(()),
        1 => writeln!(f, "1 set left out: consent refused (`--include-refused` hands it out)"),
        _ => writeln!(f, "{refused} sets left out: consent refused (`--include-refused` hands them out)"),
    }
}

impl CertifyArgs {
    /// Who looks at crops of faces under `contract`; an error where nobody can.
    pub(super) fn examiner<'a>(
        &self,
        contract: &str,
        ask: Ask,
        context: &'a Context,
        stop: &CancellationToken,
    ) -> Result<Looker<'a>, NoExaminer> {
        if self.no_certificate {
            return Ok(Looker(None));
        }
        let options = self.workers.options(det_size_of(Some(contract)));
        let examiner = Examiner::start(&options, &context.library, ask, stop, context.monitor())?;
        let found = examiner.contract();
        if found != contract {
            return Err(NoExaminer::OtherModels { wanted: contract.to_owned(), found });
        }
        let losses = if self.accept_losses { Losses::Accept } else { Losses::RefuseMost };
        Ok(Looker(Some((examiner, losses))))
    }
}

/// Who looks at crops, with what is done about those that do not pass; nobody where that is not wanted.
pub(super) struct Looker<'a>(Option<(Examiner<'a>, Losses)>);

impl Looker<'_> {
    /// For a plan in which there are no crops.
    pub(super) fn nobody() -> Self {
        Self(None)
    }

    /// What the export is told.
    pub(super) fn certify(&self) -> Certify<'_> {
        match &self.0 {
            Some((examiner, losses)) => Certify::By(examiner, *losses),
            None => Certify::Skip(Skipped::NotWanted),
        }
    }
}

/// What is said of the sets whose crops were looked at.
pub(super) fn write_certified(
    f: &mut fmt::Formatter<'_>,
    certified: usize,
    lowest_cosine: Option<f32>,
) -> fmt::Result {
    match lowest_cosine {
        Some(cosine) => writeln!(
            f,
            "certified {certified}: one face in every crop; averaged as consumers do, no bundle is below cosine {cosine} to its centroid"
        ),
        None => writeln!(f, "certified none"),
    }
}
