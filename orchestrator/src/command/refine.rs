//! `facesets refine OUT`: clusters, merged, gated and numbered.

use std::fmt;

use facesets_base::exit::{Exit, Failure};
use facesets_corpus::export::collapse::LEAST_SIMILARITY;

use crate::{
    command::{
        Context,
        choices::PlacementArg,
        clustering_args::{ClusteringArgs, CtrlC, write_effects},
        output_args::{MissingArgs, OutputArgs, write_ending},
        parameters::RefineArgs,
    },
    pass::refine::{self, Options, Report, Same},
};

/// Flags of `refine`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    missing: MissingArgs,
    #[command(flatten)]
    clustering: ClusteringArgs,
    #[command(flatten)]
    parameters: RefineArgs,
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
        parameters: args.parameters.into(),
        materialize: args.materialize.into(),
    };
    let report = refine::run(&options, &context.session(&ctrl_c.stop))?;
    context.ui.summary(&report)?;
    Ok(if report.missing.is_empty() { Exit::Done } else { Exit::SomeFailed })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.dropped, f)?;
        write_effects(f, &self.pins)?;
        if let Some(shortage) = &self.shortage {
            write!(f, "{shortage}")?;
        }
        for Same { set, photos, pictures, min_faces } in &self.same {
            write!(
                f,
                "{set}: {photos} photos, {} of them seem to show the same as others (similarity ≥ {LEAST_SIMILARITY}): \
                 {pictures} pictures",
                photos - pictures
            )?;
            if pictures < min_faces {
                write!(f, ", fewer than `--min-faces {min_faces}`")?;
            }
            writeln!(f)?;
        }
        writeln!(f, "{} facesets with {} faces", self.facesets, self.faces)?;
        write!(f, "{}", self.missing)?;
        write_ending(f, self.previous.as_deref(), &self.out)
    }
}
