//! Flags of the commands that hand crops out: who looks at them, and whether consent is demanded.

use std::fmt;

use tokio_util::sync::CancellationToken;

use super::{
    Context,
    worker_args::{ReachArgs, det_size_of},
};
use crate::{
    certificate::{Ask, Examine as _, ExamineError, Examiner, Skipped},
    consent::Demand,
    exit::Hint as _,
    export::renderer::Certify,
};

/// Whether crops are looked at before they are handed out, and by whom.
#[derive(Debug, clap::Args)]
pub(super) struct CertifyArgs {
    /// Do not have a worker look at the crops: nobody vouches that each shows one face, and the manifests say so
    #[arg(long)]
    no_certificate: bool,
    #[command(flatten)]
    workers: ReachArgs,
}

/// What is demanded of a set before it is handed out.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct ConsentArgs {
    /// Leave sets out whose consent is not granted (`facesets consent`); without this, they are exported with that in their manifest
    #[arg(long)]
    require_consent: bool,
}

impl ConsentArgs {
    pub(super) fn demand(self) -> Demand {
        if self.require_consent { Demand::Granted } else { Demand::Nothing }
    }
}

impl CertifyArgs {
    /// Who looks at crops of faces under `contract`, or why nobody does, which is said.
    pub(super) fn examiner<'a>(
        &self,
        contract: &str,
        ask: Ask,
        context: &'a Context,
        stop: &CancellationToken,
    ) -> Result<Result<Examiner<'a>, Skipped>, ExamineError> {
        if self.no_certificate {
            return Ok(Err(Skipped::NotWanted));
        }
        let monitor = context.monitor();
        let det_size = det_size_of(Some(contract));
        let way_out = "`--no-certificate` does without";
        match Examiner::start(&self.workers.options(det_size), &context.library, ask, stop, monitor) {
            Ok(examiner) if examiner.contract() == contract => Ok(Ok(examiner)),
            Ok(examiner) => {
                monitor.problem(
                    "certificate",
                    &format!(
                        "the crops are not looked at: the faces are under contract `{contract}`, the worker's models under `{}` \
                         (choose the pack with `--pack`; {way_out})",
                        examiner.contract()
                    ),
                );
                Ok(Err(Skipped::OtherModels))
            }
            Err(error) if error.is_cancellation() => Err(error),
            Err(error) => {
                let hint = error.hint().map_or(String::new(), |hint| format!("{hint}; "));
                monitor.problem(
                    "certificate",
                    &format!("the crops are not looked at: {error} ({hint}{way_out})"),
                );
                Ok(Err(Skipped::NoWorker))
            }
        }
    }
}

/// What the export is told.
pub(super) fn certify_by<'a>(examiner: &'a Result<Examiner<'_>, Skipped>) -> Certify<'a> {
    match examiner {
        Ok(examiner) => Certify::By(examiner),
        Err(reason) => Certify::Skip(*reason),
    }
}

/// Whether nobody looked although nobody had said so; then a command does not end with 0.
pub(super) fn is_amiss(examiner: &Result<Examiner<'_>, Skipped>) -> bool {
    matches!(examiner, Err(reason) if *reason != Skipped::NotWanted)
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
