//! `facesets export-swap REFINED OUT`: ranked single-face crops and bundles.

use std::{fmt, path::PathBuf};

use facesets_base::exit::{Exit, Failure};
use facesets_corpus::export::formats::Format;

use crate::{
    command::{
        Context,
        certify_args::{CertifyArgs, ConsentArgs},
        choices::FormatArg,
        clustering_args::CtrlC,
        output_args::{OutputArgs, write_ending},
        parameters::{CandidateFlags, ExportArgs},
    },
    pass::{
        examining::{write_certified, write_withheld},
        export_swap::{self, CandidateOptions, GenderAgeSummary, Options, Report},
    },
};

/// Flags of `export-swap`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder that `facesets refine` wrote
    #[arg(value_name = "REFINED")]
    refined: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    replacing: ReplaceArgs,
    #[command(flatten)]
    parameters: ExportArgs,
    /// Write each set in these formats of other tools too
    #[arg(long = "format", value_enum, value_name = "FORMAT", value_delimiter = ',')]
    formats: Vec<FormatArg>,
    #[command(flatten)]
    certify: CertifyArgs,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    candidates: CandidateArgs,
}

/// Whether single faces are put beside the sets.
#[derive(Debug, clap::Args)]
struct CandidateArgs {
    /// Put faces that `cluster` left alone and that are near a set into `_candidates/`, for you to look at
    #[arg(long, requires = "raw")]
    candidates: bool,
    /// Folder that `facesets cluster` wrote
    #[arg(long, value_name = "DIR", requires = "candidates")]
    raw: Option<PathBuf>,
    #[command(flatten)]
    parameters: CandidateFlags,
}

/// Whether people of an earlier corpus may be missing in the new one.
#[derive(Debug, clap::Args)]
struct ReplaceArgs {
    /// Replace OUT although some of its sets would be missing or somebody else in the new one; they stay in
    /// OUT.previous-N
    #[arg(long, requires = "replace")]
    give_up_sets: bool,
}

impl CandidateArgs {
    fn options(&self) -> Option<CandidateOptions> {
        let raw = self.raw.as_ref().filter(|_| self.candidates)?;
        Some(CandidateOptions { raw: raw.clone(), parameters: self.parameters.into() })
    }
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let options = Options {
        refined: args.refined.clone(),
        output: args.output.options(),
        give_up_sets: args.replacing.give_up_sets,
        parameters: args.parameters.into(),
        formats: args.formats.iter().copied().map(Format::from).collect(),
        certify: args.certify.options(),
        demand: args.consent.demand(),
        candidates: args.candidates.options(),
    };
    let report = export_swap::run(&options, &context.session(&ctrl_c.stop))?;
    context.ui.summary(&report)?;
    Ok(if report.failed == 0 { Exit::Done } else { Exit::SomeFailed })
}

impl fmt::Display for GenderAgeSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.estimated > 0 {
            writeln!(f, "gender and age estimated for {}", self.estimated)?;
        }
        for (reason, sets) in &self.not_estimated {
            writeln!(f, "gender and age not known (-1 in ReActor models) for {sets}: {reason}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.dropped, f)?;
        write_withheld(f, &self.withheld)?;
        for gap in &self.gaps {
            writeln!(f, "nothing is left of {gap}")?;
        }
        if let Some(shortage) = &self.shortage {
            write!(f, "{shortage}")?;
        }
        writeln!(f, "{} facesets with {} crops", self.facesets, self.crops)?;
        if self.candidates > 0 {
            writeln!(f, "{} single faces in `_candidates`", self.candidates)?;
        }
        write_certified(f, self.certified, self.lowest_effective_identity_cosine)?;
        if let Some(gender_age) = &self.gender_age {
            write!(f, "{gender_age}")?;
        }
        if !self.only_in_previous.is_empty() {
            writeln!(
                f,
                "only in the earlier output: {} (`era split`, `discover` and `import folders` make such sets again)",
                self.only_in_previous.join(", ")
            )?;
        }
        if self.failed > 0 {
            writeln!(f, "{} photos could not be read (listed above)", self.failed)?;
        }
        if self.absent > 0 {
            let absent = self.absent;
            writeln!(
                f,
                "{absent} faces are left out, as their photos are gone (`facesets refine` makes the sets anew)"
            )?;
        }
        write_ending(f, self.previous.as_deref(), &self.out)
    }
}
