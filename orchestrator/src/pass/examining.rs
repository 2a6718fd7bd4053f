//! Who looks at crops before they are handed out.

use std::fmt;

use facesets_base::exit::{Exit, Hint};
use facesets_core::{FaceContract, contract::DEFAULT_DET_SIZE};
use facesets_corpus::{
    certificate::{Ask, Examine as _, ExamineError, Examiner, Skipped},
    export::renderer::{Certify, Losses},
};
use facesets_people::consent::{ConsentState, Withheld};
use facesets_workers::selection::WorkerOptions;

use super::Session;

/// Whether crops are looked at before they are handed out, and by whom.
#[derive(Debug, Clone)]
pub(crate) struct CertifyOptions {
    /// Nobody looks at them: nobody vouches that each shows one face.
    pub no_certificate: bool,
    /// Go on where no crop passes, or fewer than half of them.
    pub accept_losses: bool,
    /// Who looks at them; at the detector size that the faces were found at.
    pub workers: WorkerOptions,
}

/// Nobody can look at the crops.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoExaminer {
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

/// Names the sets that were left out because of what is said of consent, and counts those whose consent is
/// refused.
pub(crate) fn write_withheld(f: &mut fmt::Formatter<'_>, withheld: &[Withheld]) -> fmt::Result {
    withheld.iter().try_for_each(|set| writeln!(f, "{set}"))?;
    let refused = withheld.iter().filter(|set| set.consent.state == ConsentState::Refused).count();
    match refused {
        0 => Ok(()),
        1 => writeln!(f, "1 set left out: consent refused (`--include-refused` hands it out)"),
        _ => writeln!(f, "{refused} sets left out: consent refused (`--include-refused` hands them out)"),
    }
}

impl CertifyOptions {
    /// Who looks at crops of faces under `contract`; an error where nobody can.
    pub(crate) fn examiner<'a>(
        &self,
        contract: &str,
        ask: Ask,
        session: &Session<'a>,
    ) -> Result<Looker<'a>, NoExaminer> {
        if self.no_certificate {
            return Ok(Looker(None));
        }
        let options = WorkerOptions { det_size: det_size_of(Some(contract)), ..self.workers.clone() };
        let examiner = Examiner::start(&options, session.library, ask, session.stop, session.monitor)?;
        let found = examiner.contract();
        if found != contract {
            return Err(NoExaminer::OtherModels { wanted: contract.to_owned(), found });
        }
        let losses = if self.accept_losses { Losses::Accept } else { Losses::RefuseMost };
        Ok(Looker(Some((examiner, losses))))
    }
}

/// Who looks at crops, with what is done about those that do not pass; nobody where that is not wanted.
pub(crate) struct Looker<'a>(Option<(Examiner<'a>, Losses)>);

impl Looker<'_> {
    /// For a plan in which there are no crops.
    pub(crate) fn nobody() -> Self {
        Self(None)
    }

    /// What the export is told.
    pub(crate) fn certify(&self) -> Certify<'_> {
        match &self.0 {
            Some((examiner, losses)) => Certify::By(examiner, *losses),
            None => Certify::Skip(Skipped::NotWanted),
        }
    }
}

/// What is said of the sets whose crops were looked at.
pub(crate) fn write_certified(
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

/// Side of the detector's input of the embeddings under `contract`, if that is one.
pub(crate) fn det_size_of(contract: Option<&str>) -> u32 {
    let contract = contract.and_then(|contract| contract.parse::<FaceContract>().ok());
    contract.map_or(DEFAULT_DET_SIZE, |contract| contract.det_size)
}
