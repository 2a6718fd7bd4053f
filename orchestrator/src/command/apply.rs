//! `facesets apply PLAN`: carries out what another command planned.

use std::{fmt, path::PathBuf};

use serde::Serialize;

use super::{
    Context,
    clustering::CtrlC,
    plan_args::{self, Planned},
};
use crate::{
    exit::{Exit, Failure},
    store::Writer,
};

/// Flags of `apply`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// File that another command wrote with `--plan`
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
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
    let planned = plan_args::carry_out(&plan, &gallery, &mut journal, context, &ctrl_c.stop)?;
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
