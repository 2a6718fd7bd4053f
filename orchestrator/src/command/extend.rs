//! `facesets extend OUT --refine-out DIR`: new faces into sets that are there.

use std::{fmt, path::PathBuf};

use facesets_base::exit::{Exit, Failure};

use crate::{
    command::{
        Context,
        clustering_args::{ClusteringArgs, CtrlC},
        parameters::ExtendArgs,
        plan_args::PlanArgs,
    },
    pass::extend::{self, Options, Report},
};

/// Flags of `extend`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder that `facesets cluster` wrote
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// Folder that `facesets refine` wrote, to be extended too
    #[arg(long, value_name = "DIR")]
    refine_out: Option<PathBuf>,
    #[command(flatten)]
    parameters: ExtendArgs,
    #[command(flatten)]
    clustering: ClusteringArgs,
    #[command(flatten)]
    plan: PlanArgs,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let options = Options {
        out: args.out.clone(),
        refine_out: args.refine_out.clone(),
        parameters: args.parameters.into(),
        clustering: args.clustering.options(),
        plan: args.plan.options(),
    };
    let report = extend::run(&options, &context.session(&ctrl_c.stop))?;
    context.ui.summary(&report)?;
    Ok(report.planned.exit())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = ["alone in their cluster", "in no faceset"];
        for (extension, left) in [Some(&self.clusters), self.refined.as_ref()].into_iter().zip(left) {
            let Some(extension) = extension else { continue };
            for joined in &extension.joined {
                writeln!(f, "{}: {} more faces", joined.name, joined.faces)?;
            }
            for set in &extension.new_sets {
                writeln!(f, "{}: new, {} new faces", set.name, set.faces)?;
            }
            if extension.pinned > 0 {
                writeln!(
                    f,
                    "{} new faces went where pins say, not where their embeddings do",
                    extension.pinned
                )?;
            }
            if extension.gone > 0 {
                writeln!(f, "{} faces left, as their photos lie nowhere any more", extension.gone)?;
            }
            writeln!(
                f,
                "{} new faces: {} sets extended, {} new; {} faces {left}",
                extension.new_faces,
                extension.joined.len(),
                extension.new_sets.len(),
                extension.left
            )?;
        }
        self.planned.fmt(f)
    }
}
