//! `facesets apply PLAN`: carries out what another command planned.

use std::{fmt, path::PathBuf};

use facesets_base::exit::{Exit, Failure};
use facesets_library::store::Writer;
use serde::Serialize;

use super::{
    Context,
    certify_args::CertifyArgs,
    clustering::CtrlC,
    plan_args::{self, Means, Planned},
};

/// Flags of `apply`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// File that another command wrote with `--plan`
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    #[command(flatten)]
    certify: CertifyArgs,
}

#[derive(Debug, Serialize)]
struct Summary {
    command: String,
    #[serde(flatten)]
    planned: Planned,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let plan = plan_args::read(&args.plan)?;
    let mut journal = Writer::open_existing(&context.library)?;
    let gallery = journal.store().gallery(Some(&plan.contract))?;
    let means = Means { gallery: &gallery, journal: &mut journal, context, stop: &ctrl_c.stop };
    let planned = plan_args::carry_out(&plan, Some(&args.certify), means)?;
    let exit = planned.exit();
    context.ui.summary(&Summary { command: plan.command, planned })?;
    Ok(exit)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.command)?;
        self.planned.fmt(f)
    }
}
