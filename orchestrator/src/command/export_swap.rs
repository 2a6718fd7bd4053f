//! `facesets export-swap REFINED OUT`: ranked single-face crops and bundles.

use std::{
    collections::{BTreeSet, HashMap},
    fmt, fs,
    path::PathBuf,
};

use serde::Serialize;

use super::{
    Context,
    clustering::{CtrlC, Pins},
    drop_report::DropReport,
    output_args::{OutputArgs, write_ending, write_error},
};
use crate::{
    exit::{Exit, Failure, Hint},
    export::{
        self, ExportParameters, PlannedSet, contact_sheet,
        manifest::{Aside, CORPUS_SCHEMA, CorpusManifest, Gap},
        render::{RenderError, Renderer, render},
    },
    gallery::{FaceIndex, Gallery},
    manifest::{self, DroppedFace, NamedSet, RefinedManifest, dropped_faces},
    output::Missing,
    pins::ResolvedPins,
    plan::made_by,
    store::Store,
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
    parameters: ExportParameters,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Summary {
    out: PathBuf,
    previous: Option<PathBuf>,
    facesets: usize,
    crops: usize,
    gaps: Vec<String>,
    failed: usize,
    dropped: DropReport,
}

/// A refined set that does not fit the library.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` in `{set}` is not a face of this library under contract `{contract}`")]
struct UnknownFace {
    set: String,
    path: String,
    contract: String,
}

impl Hint for UnknownFace {
    fn hint(&self) -> Option<String> {
        Some("export with the `--library` that was refined, or run `facesets refine` again".to_owned())
    }
}

impl Hint for RenderError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Stopped => "nothing was changed: run the same command again".to_owned(),
            Self::Io { .. } | Self::Manifest(_) => {
                "see that the disk has room, then run the same command again".to_owned()
            }
        })
    }

    fn exit(&self) -> Exit {
        if matches!(self, Self::Stopped) { Exit::Interrupted } else { Exit::CannotContinue }
    }
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let refined: RefinedManifest = manifest::read(&args.refined)?;
    let store = Store::open_read(&context.library)?;
    let gallery = store.gallery(Some(&refined.contract))?;
    let pins = Pins::load(&store, &gallery, context.monitor())?.resolved;
    let parameters = args.parameters;
    let index = FaceIndex::new(&gallery);
    let planned: Vec<PlannedSet> = refined
        .facesets
        .iter()
        .map(|set| {
            let faces = faces_of(&index, set, &refined.contract)?;
            Ok(export::plan(&gallery, &set.name, faces, &parameters, &pins))
        })
        .collect::<Result<_, UnknownFace>>()?;
    for [one, other] in separated(&planned, &pins) {
        context.monitor().note(&format!(
            "{one} and {other} have faces that you say are one person's: `facesets refine` unites them"
        ));
    }

    let output = args.output.create()?;
    let ctrl_c = CtrlC::listen(context)?;
    let renderer = Renderer {
        gallery: &gallery,
        parameters: &parameters,
        monitor: context.monitor(),
        stop: &ctrl_c.stop,
    };
    let mut rendered = render(&renderer, &planned, output.path())?;
    let corpus = CorpusManifest {
        schema: CORPUS_SCHEMA.to_owned(),
        made_by: made_by(),
        contract: refined.contract,
        parameters,
        facesets: std::mem::take(&mut rendered.sets),
        gaps: gaps(&gallery, &planned),
        runs: Vec::new(),
        aside: Aside::default(),
        beside: Vec::new(),
    };
    manifest::write(output.path(), &corpus)?;
    let page = output.path().join("index.html");
    fs::write(&page, contact_sheet::page(&corpus, &rendered.crops)).map_err(write_error(&page))?;

    let dropped: Vec<DroppedFace> =
        planned.iter().flat_map(|set| dropped_faces(&gallery, &set.dropped)).collect();
    let summary = Summary {
        out: output.target().to_owned(),
        previous: output.finish()?,
        facesets: corpus.facesets.len(),
        crops: corpus.facesets.iter().map(|set| set.images).sum(),
        gaps: corpus.gaps.into_iter().map(|gap| gap.name).collect(),
        failed: rendered.failed,
        dropped: DropReport(dropped),
    };
    context.ui.summary(&summary)?;
    Ok(if summary.failed == 0 { Exit::Done } else { Exit::SomeFailed })
}

/// Sets that are exported apart although they have faces that the user says are one person's; each pair once.
fn separated<'a>(planned: &'a [PlannedSet], pins: &ResolvedPins) -> BTreeSet<[&'a str; 2]> {
    let faces = |set: &'a PlannedSet| set.faces.iter().map(move |face| (face.face, set.name.as_str()));
    let set_of: HashMap<usize, &str> = planned.iter().flat_map(faces).collect();
    let pair = |(a, b): &(usize, usize)| Some([*set_of.get(a)?, *set_of.get(b)?]);
    pins.constraints.together.iter().filter_map(pair).filter(|[one, other]| one != other).collect()
}

/// Sets of which the rules left nothing.
fn gaps(gallery: &Gallery, planned: &[PlannedSet]) -> Vec<Gap> {
    let empty = planned.iter().filter(|set| set.faces.is_empty());
    empty.map(|set| Gap { name: set.name.clone(), dropped: dropped_faces(gallery, &set.dropped) }).collect()
}

/// The faces of a set, each once however many aliases its photo has.
fn faces_of(index: &FaceIndex, set: &NamedSet, contract: &str) -> Result<Vec<usize>, UnknownFace> {
    let mut faces = set
        .faces
        .iter()
        .map(|entry| {
            index.row(&entry.sha256, entry.bbox).ok_or_else(|| UnknownFace {
                set: set.name.clone(),
                path: entry.path.clone(),
                contract: contract.to_owned(),
            })
        })
        .collect::<Result<Vec<usize>, _>>()?;
    faces.sort_unstable();
    faces.dedup();
    Ok(faces)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.dropped)?;
        for gap in &self.gaps {
            writeln!(f, "nothing is left of {gap}")?;
        }
        writeln!(f, "{} facesets with {} crops", self.facesets, self.crops)?;
        let missing = Missing { failed: self.failed, vanished: 0 };
        write_ending(f, missing, self.previous.as_deref(), &self.out)
    }
}
