//! `facesets era probe | split | extend SET --corpus DIR`: one person over many years.

mod extend;
mod page;
mod probe;
mod scene;
mod split;

use std::{fmt, path::PathBuf};

use clap::Subcommand;
use facesets_base::{
    exit::{Exit, Failure, Hint},
    paths::path_text,
};
use facesets_corpus::era::{Eras, Verdict};
use serde::Serialize;

use self::page::PageArgs;
use super::{Context, plan_args::BundlePlanArgs};
use crate::command::parameters::{JoinArgs, SurveyArgs};

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

/// Why a set has no eras, or cannot get any.
#[derive(Debug, thiserror::Error)]
enum EraError {
    #[error("there is no set `{set}` in `{corpus}`")]
    NoSet { set: String, corpus: PathBuf },
    #[error("`{set}` is the label of {count} sets")]
    Ambiguous { set: String, count: usize },
    #[error("`{0}` is an era itself")]
    IsEra(String),
    #[error("no face of `{0}` is in this library")]
    NoFaces(String),
    #[error("`{set}` has {count} eras already")]
    IsSplit { set: String, count: usize },
    #[error("`{0}` has no eras that anything could join")]
    NotSplit(String),
    #[error("no sub-cluster of `{set}` has {min_anchor} photos or more: the largest has {largest}")]
    NoAnchor { set: String, min_anchor: usize, largest: usize },
    #[error("`{set}` is {verdict}")]
    NotSortable { set: String, verdict: Verdict },
}

impl Hint for EraError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoSet { .. } => "`manifest.json` in the corpus lists its sets and labels".to_owned(),
            Self::Ambiguous { .. } => "name it by its number, as in `faceset_001`".to_owned(),
            Self::IsEra(_) => "name the set that it is an era of".to_owned(),
            Self::NoFaces(_) => "name the `--library` that the corpus was made from".to_owned(),
            Self::IsSplit { .. } => "`facesets era extend` adds new faces to them; `--replace` splits anew, \
                                     and `facesets undo` takes that back"
                .to_owned(),
            Self::NotSplit(_) => "run `facesets era split` first".to_owned(),
            Self::NotSortable { .. } => {
                "`facesets era probe` has the figures; `--anyway` splits all the same".to_owned()
            }
            Self::NoAnchor { .. } => {
                "look at the figures of `facesets era probe`, then choose another `--min-anchor` or \
                 `--sub-threshold`"
                    .to_owned()
            }
        })
    }
}

/// A face that a person may have to look after: most often, one whose photo has no year.
#[derive(Debug, Serialize)]
struct Listed {
    path: String,
    sha256: String,
    bbox: [f32; 4],
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<u16>,
    /// The era that is nearest, and the cosine distance to its centroid.
    nearest: Option<(String, f32)>,
}

impl Listed {
    fn new(eras: &Eras<'_>, face: usize, nearest: Option<(String, f32)>) -> Self {
        let content = eras.gallery.content_of(face);
        Self {
            path: path_text(content.canonical_path()),
            sha256: content.sha256.to_string(),
            bbox: eras.gallery.faces[face].bbox.corners(),
            year: eras.years.of(face),
            nearest,
        }
    }
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

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    match &args.command {
        EraCommand::Probe(args) => probe::run(args, context),
        EraCommand::Split(args) => split::run(args, context),
        EraCommand::Extend(args) => extend::run(args, context),
    }
}
