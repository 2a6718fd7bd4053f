//! `facesets certify PATH…`: looks at bundles and crops as the tools will that they are for.

use std::{fmt, path::PathBuf};

use facesets_base::exit::{Exit, Failure};
use facesets_core::contract::DEFAULT_DET_SIZE;
use facesets_corpus::{export::OUT_SIZES, inspection::Inspected};

use crate::{
    command::{Context, clustering_args::CtrlC, worker_args::ReachArgs},
    pass::certify::{self, Options, Report},
};

/// Flags of `certify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Corpora, sets, bundles (`.fsz`), folders of PNGs or PNGs, also of other programs; what begins with `_`
    /// or `.` below them is left out
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Pixels on a side of each crop, where no manifest says it
    #[arg(long, value_name = "PIXELS", default_value_t = 512,
          value_parser = clap::value_parser!(u32).range(OUT_SIZES))]
    out_size: u32,
    #[command(flatten)]
    workers: ReachArgs,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let options = Options {
        paths: args.paths.clone(),
        out_size: args.out_size,
        workers: args.workers.options(DEFAULT_DET_SIZE),
    };
    let report = certify::run(&options, &context.session(&ctrl_c.stop))?;
    context.ui.summary(&report)?;
    Ok(if report.findings == 0 { Exit::Done } else { Exit::SomeFailed })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Inspected { path, crops, effective_identity_cosine, findings } in &self.inspected {
            for finding in findings {
                let within = if finding.what.is_empty() { "" } else { ": " };
                writeln!(f, "{}{within}{} {}", path.display(), finding.what, finding.problem)?;
            }
            if findings.is_empty() {
                write!(f, "{}: {crops} crops, one face in each", path.display())?;
                match effective_identity_cosine {
                    Some(cosine) => writeln!(f, ", effective identity at cosine {cosine} to the centroid")?,
                    None => writeln!(f)?,
                }
            }
        }
        write!(f, "{} distinct crops looked at, {} findings", self.crops, self.findings)
    }
}
