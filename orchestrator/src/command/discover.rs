//! `facesets discover ROOT --corpus DIR`: new identities among the faces of a folder.

use std::{fmt, path::PathBuf};

use facesets_base::exit::{Exit, Failure};
use facesets_corpus::identity::{Discovery, SetMatches};

use crate::{
    command::{
        Context,
        clustering_args::{ClusteringArgs, CtrlC},
        parameters::DiscoverArgs,
        plan_args::BundlePlanArgs,
    },
    pass::discover::{self, Options, Report},
};

/// Flags of `discover`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of embedded photos to look in
    #[arg(value_name = "ROOT")]
    root: PathBuf,
    /// Folder that `facesets export-swap` wrote; new sets are added to it, the others stay as they are
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    #[command(flatten)]
    parameters: DiscoverArgs,
    #[command(flatten)]
    clustering: ClusteringArgs,
    #[command(flatten)]
    plan: BundlePlanArgs,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let options = Options {
        root: args.root.clone(),
        corpus: args.corpus.clone(),
        parameters: args.parameters.into(),
        clustering: args.clustering.options(),
        plan: args.plan.options(),
    };
    let report = discover::run(&options, &context.session(&ctrl_c.stop))?;
    context.ui.summary(&report)?;
    Ok(report.planned.exit())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Discovery { faces, matches, unmatched, clusters, survivors, emitted, gaps, .. } = &self.discovery;
        write!(f, "{}", self.dropped)?;
        for SetMatches { name, faces } in matches {
            writeln!(f, "{name}: {faces} faces match")?;
        }
        writeln!(f, "{faces} faces, {} of known people, {unmatched} of nobody known", faces - unmatched)?;
        writeln!(f, "{clusters} clusters, {survivors} pass the gates")?;
        if let Some(shortage) = &self.shortage {
            write!(f, "{shortage}")?;
        }
        // Which crops show the same, and which pass, is seen when they are made.
        let about = if self.planned.crops().is_some() { "" } else { "up to " };
        for SetMatches { name, faces } in emitted {
            writeln!(f, "{name}: new, {about}{faces} crops")?;
        }
        for SetMatches { name, faces } in gaps {
            writeln!(
                f,
                "{name}: the export leaves nothing of its {faces} faces (see `gaps` in the manifest)"
            )?;
        }
        self.planned.fmt(f)
    }
}
