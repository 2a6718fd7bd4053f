//! `facesets export-swap REFINED OUT`: ranked single-face crops and bundles.

use std::{collections::HashMap, fmt, fs, path::PathBuf};

use serde::Serialize;

use super::{
    Context,
    drop_report::DropReport,
    output_args::{OutputArgs, write_ending, write_error},
};
use crate::{
    exit::{Exit, Failure, Hint},
    export::{
        self, ExportParameters, PlannedSet, contact_sheet,
        manifest::{CORPUS_SCHEMA, CorpusManifest, Gap},
        render::{RenderError, render},
    },
    gallery::Gallery,
    manifest::{self, DroppedFace, NamedSet, dropped_faces},
    output::Missing,
    store::Store,
    threshold::{CosineDistance, non_negative},
};

/// Most pixels on a side of a crop; more than any swapper takes.
const MAX_OUT_SIZE: i64 = 4096;

/// Flags of `export-swap`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder that `facesets refine` wrote
    #[arg(value_name = "REFINED")]
    refined: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    parameters: ParameterArgs,
}

/// [`ExportParameters`] as flags.
#[derive(Debug, clap::Args)]
struct ParameterArgs {
    /// Farthest cosine distance of a face from its set's centroid
    #[arg(long, value_name = "DISTANCE", default_value_t = ExportParameters::default().outlier_threshold)]
    outlier_threshold: CosineDistance,
    /// Least short side of a face's box in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = ExportParameters::default().min_face_short, value_parser = non_negative)]
    min_face_short: f32,
    /// Padding on each side of the box, as a part of its long side (from 0 to 4); less where another face is near
    #[arg(long, value_name = "RATIO", default_value_t = ExportParameters::default().pad_ratio, value_parser = parse_pad_ratio)]
    pad_ratio: f32,
    /// Side of the square crops in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = ExportParameters::default().out_size,
          value_parser = clap::value_parser!(u32).range(16..=MAX_OUT_SIZE))]
    out_size: u32,
    /// Crops in the small bundle
    #[arg(long, value_name = "COUNT", default_value_t = ExportParameters::default().top_n)]
    top_n: usize,
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
        Some("see that the disk has room, then run the same command again".to_owned())
    }
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let refined = manifest::read_refined(&args.refined)?;
    let gallery = Store::open_read(&context.library)?.gallery(Some(&refined.contract))?;
    let parameters = args.parameters.to_parameters();
    let index = FaceIndex::new(&gallery);
    let planned: Vec<PlannedSet> = refined
        .facesets
        .iter()
        .map(|set| Ok(export::plan(&gallery, &set.name, index.faces(set, &refined.contract)?, &parameters)))
        .collect::<Result<_, UnknownFace>>()?;

    let output = args.output.create()?;
    let mut rendered = render(&gallery, &planned, &parameters, output.path(), context.monitor())?;
    let corpus = CorpusManifest {
        schema: CORPUS_SCHEMA,
        made_by: format!("facesets {}", env!("CARGO_PKG_VERSION")),
        contract: refined.contract,
        parameters,
        facesets: std::mem::take(&mut rendered.sets),
        gaps: gaps(&gallery, &planned),
    };
    manifest::write(output.path(), &corpus)?;
    let page = output.path().join("index.html");
    fs::write(&page, contact_sheet::page(&corpus, &rendered)).map_err(write_error(&page))?;

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

/// Sets of which the rules left nothing.
fn gaps(gallery: &Gallery, planned: &[PlannedSet]) -> Vec<Gap> {
    let empty = planned.iter().filter(|set| set.faces.is_empty());
    empty.map(|set| Gap { name: set.name.clone(), dropped: dropped_faces(gallery, &set.dropped) }).collect()
}

/// Faces by what identifies them for good: the digest of the photo and the box.
struct FaceIndex(HashMap<(String, [u32; 4]), usize>);

impl FaceIndex {
    fn new(gallery: &Gallery) -> Self {
        let key = |face: usize| {
            let corners = gallery.faces[face].bbox.corners();
            (gallery.content_of(face).sha256.to_string(), corners.map(f32::to_bits))
        };
        Self((0..gallery.faces.len()).map(|face| (key(face), face)).collect())
    }

    /// The faces of a set, each once however many aliases its photo has.
    fn faces(&self, set: &NamedSet, contract: &str) -> Result<Vec<usize>, UnknownFace> {
        let mut faces = set
            .faces
            .iter()
            .map(|entry| {
                let key = (entry.sha256.clone(), entry.bbox.map(f32::to_bits));
                self.0.get(&key).copied().ok_or_else(|| UnknownFace {
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
}

impl ParameterArgs {
    fn to_parameters(&self) -> ExportParameters {
        let Self { outlier_threshold, min_face_short, pad_ratio, out_size, top_n } = *self;
        ExportParameters { outlier_threshold, min_face_short, pad_ratio, out_size, top_n }
    }
}

fn parse_pad_ratio(text: &str) -> Result<f32, String> {
    let in_range = |ratio: &f32| (0.0..=4.0).contains(ratio);
    text.parse().ok().filter(in_range).ok_or_else(|| "a number from 0 to 4 is needed".to_owned())
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
