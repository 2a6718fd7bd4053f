//! `facesets dedup OUT`: photos that are there more than once.

use std::fmt;

use facesets_base::exit::{Exit, Failure};
use facesets_people::dedup::MAX_DIFFERENT_BITS;

use crate::{
    command::{
        Context,
        clustering_args::{CtrlC, GalleryArgs},
        output_args::OutputArgs,
    },
    pass::dedup::{self, Options, Report},
};

/// Flags of `dedup`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    gallery: GalleryArgs,
    /// Most bits of 64 in which the difference hashes of near-duplicates differ
    #[arg(long, value_name = "BITS", default_value_t = MAX_DIFFERENT_BITS, value_parser = clap::value_parser!(u32).range(0..=64))]
    max_different_bits: u32,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let options = Options {
        output: args.output.options(),
        gallery: args.gallery.options(),
        max_different_bits: args.max_different_bits,
    };
    let report = dedup::run(&options, &context.session(&ctrl_c.stop))?;
    context.ui.summary(&report)?;
    Ok(if report.failed == 0 { Exit::Done } else { Exit::SomeFailed })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.failed > 0 {
            writeln!(f, "{} photos could not be compared (listed above)", self.failed)?;
        }
        writeln!(
            f,
            "{} photos at several places; {} groups of near-duplicates with {} photos",
            self.identical, self.similar_groups, self.similar_photos
        )?;
        if let Some(previous) = &self.previous {
            writeln!(f, "the earlier output is now `{}`", previous.display())?;
        }
        write!(f, "written to `{}`", self.out.display())
    }
}
