//! Flags of the commands that plan a change.

use std::path::PathBuf;

use super::certify_args::{CertifyArgs, ConsentArgs};
use crate::pass::planning::{BundlePlanOptions, PlanOptions};

/// Whether to do what was planned.
#[derive(Debug, clap::Args)]
pub(super) struct PlanArgs {
    /// Only say what would be done
    #[arg(long, conflicts_with = "plan")]
    dry_run: bool,
    /// Write what would be done to FILE instead, for `facesets apply FILE`
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Replace an earlier plan in FILE; nothing else is ever replaced
    #[arg(long, requires = "plan")]
    replace_plan: bool,
}

/// Flags of the commands that plan a change in which bundles are made.
#[derive(Debug, clap::Args)]
pub(super) struct BundlePlanArgs {
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    certify: CertifyArgs,
    #[command(flatten)]
    consent: ConsentArgs,
}

impl PlanArgs {
    pub(super) fn options(&self) -> PlanOptions {
        let Self { dry_run, plan, replace_plan } = self;
        PlanOptions { dry_run: *dry_run, plan: plan.clone(), replace_plan: *replace_plan }
    }
}

impl BundlePlanArgs {
    pub(super) fn options(&self) -> BundlePlanOptions {
        BundlePlanOptions {
            plan: self.plan.options(),
            certify: self.certify.options(),
            demand: self.consent.demand(),
        }
    }
}
