//! Flags of the commands that hand crops out: who looks at them, and whether consent is demanded.

use facesets_core::contract::DEFAULT_DET_SIZE;
use facesets_people::consent::Demand;

use super::worker_args::ReachArgs;
use crate::pass::examining::CertifyOptions;

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

impl CertifyArgs {
    pub(super) fn options(&self) -> CertifyOptions {
        CertifyOptions {
            no_certificate: self.no_certificate,
            accept_losses: self.accept_losses,
            workers: self.workers.options(DEFAULT_DET_SIZE),
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
