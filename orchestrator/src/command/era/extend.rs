//! `facesets era extend SET`: faces that came later join the eras that are there.

use std::fmt;

use facesets_base::exit::{Exit, Failure};

use crate::{
    command::{
        Context,
        clustering_args::CtrlC,
        era::{OfSet, write_undated},
    },
    pass::era::extend::{self, Options, Report},
};

/// Flags of `era extend`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    of: OfSet,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let options = Options { of: args.of.options() };
    let report = extend::run(&options, &context.session(&ctrl_c.stop))?;
    context.ui.summary(&report)?;
    Ok(report.written.exit(report.planned.exit()))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.dropped, f)?;
        let joined: usize = self.joined.iter().map(|grown| grown.faces.len()).sum();
        writeln!(
            f,
            "{}: {} faces in no era; {joined} join one, {} do not, {} have no year",
            self.set,
            self.unbucketed,
            self.refused.len(),
            self.undated.len()
        )?;
        for grown in &self.joined {
            writeln!(f, "{}: {} new faces", grown.name, grown.faces.len())?;
        }
        write_undated(f, &self.undated)?;
        self.written.fmt(f)?;
        self.planned.fmt(f)
    }
}
