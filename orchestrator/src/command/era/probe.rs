//! `facesets era probe SET`: can it be sorted by era?

use std::fmt;

use facesets_base::exit::{Exit, Failure};
use facesets_corpus::era::Probe;

use crate::{
    command::{
        Context,
        clustering_args::{ClusteringArgs, CtrlC},
        era::{PageArgs, SubjectArgs, write_undated},
        parameters::SplitArgs,
    },
    pass::era::{
        page::Written,
        probe::{self, Options, Report, describe},
    },
};

/// Sub-clusters that the summary names.
const NAMED: usize = 20;

/// Flags of `era probe`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    split: SplitArgs,
    #[command(flatten)]
    clustering: ClusteringArgs,
    #[command(flatten)]
    page: PageArgs,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let options = Options {
        subject: args.subject.options(),
        split: args.split.into(),
        clustering: args.clustering.options(),
        page: args.page.options(),
    };
    let report = probe::run(&options, &context.session(&ctrl_c.stop))?;
    context.ui.summary(&report)?;
    Ok(report.written.exit(Exit::Done))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.dropped, f)?;
        let Probe { faces, images, dated, histogram, cuts, sub_clusters, explained, verdict } = &self.probe;
        writeln!(
            f,
            "{}: {faces} faces in {images} photos ({} not in the set), {dated} with a year",
            self.set, self.recovered
        )?;
        writeln!(f, "cosine distance to the centroid:")?;
        for bin in histogram {
            writeln!(f, "  {:.2} to {:.2}  {}", bin.from, bin.to, bin.faces)?;
        }
        for cut in cuts {
            writeln!(
                f,
                "cut at {:.2}: {} sub-clusters, {} large enough",
                cut.threshold.get(),
                cut.sizes.len(),
                cut.anchors
            )?;
        }
        for (number, cluster) in (1..).zip(sub_clusters).take(NAMED) {
            writeln!(f, "sub-cluster {number}: {} photos, {}", cluster.images, describe(cluster))?;
        }
        if sub_clusters.len() > NAMED {
            writeln!(f, "… and {} more, see `--json`", sub_clusters.len() - NAMED)?;
        }
        write_undated(f, &self.undated)?;
        if let Some(explained) = explained {
            writeln!(f, "{:.0} % of the variance of years lies between the large ones", explained * 100.0)?;
        }
        writeln!(f, "{verdict}")?;
        self.written.fmt(f)
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.unreadable > 0 {
            writeln!(f, "{} faces could not be drawn (listed above)", self.unreadable)?;
        }
        match &self.report {
            Some(report) => writeln!(f, "report in `{}`", report.display()),
            None => Ok(()),
        }
    }
}
