//! `facesets apply PLAN`: carries out what another command planned.

use std::{fmt, path::PathBuf};

use facesets_base::exit::{Exit, Failure};

use crate::{
    command::{Context, certify_args::CertifyArgs, clustering_args::CtrlC},
    pass::apply::{self, Options, Report},
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

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let options = Options { plan: args.plan.clone(), certify: args.certify.options() };
    let report = apply::run(&options, &context.session(&ctrl_c.stop))?;
    context.ui.summary(&report)?;
    Ok(report.planned.exit())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.command)?;
        self.planned.fmt(f)
    }
}
