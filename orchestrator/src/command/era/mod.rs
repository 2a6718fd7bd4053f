//! `facesets era probe | split | extend SET --corpus DIR`: one person over many years.

mod extend;
mod probe;
mod split;

use std::{fmt, path::PathBuf};

use clap::Subcommand;
use facesets_base::exit::{Exit, Failure};

use crate::{
    command::{
        Context,
        parameters::{JoinArgs, SurveyArgs},
        plan_args::BundlePlanArgs,
    },
    pass::era::{ErasOptions, Listed, SubjectOptions, page::PageOptions},
};

/// Flags of `era`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: EraCommand,
}

#[derive(Debug, Subcommand)]
enum EraCommand {
    /// Say whether a set can be sorted by era, with the figures; changes nothing
    Probe(probe::Args),
    /// Split a set into eras, which are added to the corpus; the set stays as it is
    Split(split::Args),
    /// Let faces that are in no era yet join those that are there
    Extend(extend::Args),
}

/// Which set, and where its faces come from.
#[derive(Debug, clap::Args)]
struct SubjectArgs {
    /// The set: `faceset_NNN`, or its label
    #[arg(value_name = "SET")]
    set: String,
    /// Folder that `facesets export-swap` wrote
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Folders in which more faces of the set are looked for [default: the deepest one that holds all photos
    /// of the set]
    #[arg(long = "root", value_name = "DIR")]
    roots: Vec<PathBuf>,
    #[command(flatten)]
    survey: SurveyArgs,
}

/// What `split` and `extend` have in common: whose eras, what may join them, what is done about it.
#[derive(Debug, clap::Args)]
struct OfSet {
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    join: JoinArgs,
    #[command(flatten)]
    plan: BundlePlanArgs,
    #[command(flatten)]
    page: PageArgs,
}

/// Faces without a year that are named in a summary; JSON and report have them all.
const LISTED: usize = 10;

fn write_undated(f: &mut fmt::Formatter<'_>, undated: &[Listed]) -> fmt::Result {
    if undated.is_empty() {
        return Ok(());
    }
    writeln!(f, "faces whose photo has no year: {}", undated.len())?;
    if f.alternate() {
        return Ok(());
    }
    for face in undated.iter().take(LISTED) {
        let [x, y, ..] = face.bbox;
        write!(f, "  {} (face at {x:.0},{y:.0})", face.path)?;
        match &face.nearest {
            Some((name, distance)) => writeln!(f, ": nearest is {name} at {distance:.3}")?,
            None => writeln!(f)?,
        }
    }
    if undated.len() > LISTED {
        writeln!(f, "  … and {} more, see `undated` with `--json`", undated.len() - LISTED)?;
    }
    Ok(())
}

/// Flags of the report.
#[derive(Debug, clap::Args)]
struct PageArgs {
    /// Also write a page with a histogram and a timeline of faces to DIR; an earlier one is moved aside to
    /// DIR.previous-N
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Most faces of a group and year that are shown on the page
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    thumbnails: usize,
}

impl SubjectArgs {
    fn options(&self) -> SubjectOptions {
        let Self { set, corpus, roots, survey } = self;
        SubjectOptions {
            set: set.clone(),
            corpus: corpus.clone(),
            roots: roots.clone(),
            survey: (*survey).into(),
        }
    }
}

impl OfSet {
    fn options(&self) -> ErasOptions {
        ErasOptions {
            subject: self.subject.options(),
            join: self.join.into(),
            plan: self.plan.options(),
            page: self.page.options(),
        }
    }
}

impl PageArgs {
    fn options(&self) -> PageOptions {
        PageOptions { report: self.report.clone(), thumbnails: self.thumbnails }
    }
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    match &args.command {
        EraCommand::Probe(args) => probe::run(args, context),
        EraCommand::Split(args) => split::run(args, context),
        EraCommand::Extend(args) => extend::run(args, context),
    }
}
