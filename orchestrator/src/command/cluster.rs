//! `facesets cluster OUT`: one folder a person, straight from the clustering.

use std::fmt;

use facesets_base::exit::{Exit, Failure};
use facesets_people::threshold::CosineDistance;

use crate::{
    command::{
        Context,
        choices::PlacementArg,
        clustering_args::{ClusteringArgs, CtrlC, write_effects},
        output_args::{MissingArgs, OutputArgs, write_ending},
    },
    pass::cluster::{self, Options, Report},
};

/// Flags of `cluster`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    missing: MissingArgs,
    #[command(flatten)]
    clustering: ClusteringArgs,
    /// Cosine distance at which the average-linkage clustering is cut
    #[arg(long, value_name = "DISTANCE", default_value = "0.55")]
    threshold: CosineDistance,
    /// How photos get into the folders
    #[arg(long, value_enum, default_value_t)]
    materialize: PlacementArg,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let options = Options {
        output: args.output.options(),
        accept_missing: args.missing.accept_missing,
        clustering: args.clustering.options(),
        threshold: args.threshold,
        materialize: args.materialize.into(),
    };
    let report = cluster::run(&options, &context.session(&ctrl_c.stop))?;
    context.ui.summary(&report)?;
    Ok(if report.missing.is_empty() { Exit::Done } else { Exit::SomeFailed })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_effects(f, &self.pins)?;
        writeln!(
            f,
            "{} faces: {} persons, {} singletons; {} photos without a face",
            self.faces, self.persons, self.singletons, self.noface
        )?;
        write!(f, "{}", self.missing)?;
        write_ending(f, self.previous.as_deref(), &self.out)
    }
}
