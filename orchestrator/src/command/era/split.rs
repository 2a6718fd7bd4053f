//! `facesets era split SET`: eras beside the set.

use std::fmt;

use facesets_base::exit::{Exit, Failure};

use crate::{
    command::{
        Context,
        clustering_args::{ClusteringArgs, CtrlC},
        era::{OfSet, write_undated},
        parameters::SplitArgs,
    },
    pass::era::split::{self, Options, Report},
};

/// Flags of `era split`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    of: OfSet,
    #[command(flatten)]
    split: SplitArgs,
    /// Split anew: eras that are there are set aside
    #[arg(long)]
    replace: bool,
    /// Split although `era probe` says that the set is not sortable
    #[arg(long)]
    anyway: bool,
    #[command(flatten)]
    clustering: ClusteringArgs,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let options = Options {
        of: args.of.options(),
        split: args.split.into(),
        replace: args.replace,
        anyway: args.anyway,
        clustering: args.clustering.options(),
    };
    let report = split::run(&options, &context.session(&ctrl_c.stop))?;
    context.ui.summary(&report)?;
    Ok(report.written.exit(report.planned.exit()))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.dropped, f)?;
        writeln!(f, "{}: {} faces, {} of them not in the set", self.set, self.faces, self.recovered)?;
        writeln!(f, "{}", self.verdict)?;
        for era in &self.eras {
            write!(f, "{}: {} founding faces, {} joined", era.name, era.founding, era.joined)?;
            match era.crops {
                Some(crops) => writeln!(f, ", {crops} crops")?,
                None => writeln!(f)?,
            }
        }
        let faces: usize = self.thin.iter().map(|era| era.founding + era.joined).sum();
        writeln!(f, "{} eras; {} with too few photos ({faces} faces)", self.eras.len(), self.thin.len())?;
        write_undated(f, &self.undated)?;
        self.written.fmt(f)?;
        self.planned.fmt(f)
    }
}
