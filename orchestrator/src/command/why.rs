//! `facesets why FACE [OUT]…`: what became of a face, with the figures.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use facesets_base::{
    exit::{Exit, Failure},
    layout::{CLUSTERS_SCHEMA, CORPUS_SCHEMA, MANIFEST, REFINED_SCHEMA},
    location::Location,
};
use facesets_corpus::{
    change::{LastingDrop, lasting_drops},
    export::corpus::Corpus,
    manifest::{self, ManifestError, read_bytes, schema_of},
    verify::contract_of,
    why::{FaceName, Measured, Verdict, in_clusters, in_corpus, in_refined},
};
use facesets_library::store::Store;
use facesets_people::{
    gallery::{FaceFinder, FaceIndex, Gallery},
    pins::{Pin, PinKind, distance},
    refine::RefineParameters,
    threshold::CosineDistance,
    upright::MAX_ROLL,
};
use serde::Serialize;

use super::Context;
use crate::pass::planning::absolute;

/// Flags of `why`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// PATH[#NUMBER] of a photo, or SHA256[:NUMBER] with at least four digits; faces are numbered from 0
    #[arg(value_name = "FACE")]
    face: String,
    /// Folders that `facesets cluster`, `refine` or `export-swap` wrote
    #[arg(value_name = "OUT")]
    outputs: Vec<PathBuf>,
    /// Contract of the embeddings, where there is more than one and no OUT names it
    #[arg(long, value_name = "CONTRACT")]
    contract: Option<String>,
}

#[derive(Debug, Serialize)]
struct Summary {
    path: String,
    aliases: Vec<String>,
    sha256: String,
    faces: Vec<Answer>,
}

#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    measured: Measured,
    /// The decision that has dropped it for good, and why.
    dropped: Option<(i64, String)>,
    /// What the user says of it and other faces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pins: Vec<PinLine>,
    outputs: Vec<InOutput>,
}

/// A pin of a face and another one.
#[derive(Debug, Serialize)]
struct PinLine {
    pin: i64,
    kind: PinKind,
    path: String,
    number: u32,
    /// Cosine distance of the two.
    distance: f32,
    /// The distance at which `refine` takes faces for one person's.
    threshold: CosineDistance,
}

#[derive(Debug, Serialize)]
struct InOutput {
    folder: PathBuf,
    verdicts: Vec<Verdict>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let outputs: Vec<PathBuf> =
        args.outputs.iter().map(|out| context.output(out)).collect::<Result<_, _>>()?;
    let contract = match (&args.contract, outputs.first()) {
        (None, Some(first)) => Some(contract_of(first)?),
        (contract, _) => contract.clone(),
    };
    let store = Store::open_read(&context.library)?;
    let gallery = store.gallery(contract.as_deref())?;
    let drops = lasting_drops(&store)?;
    let finder = FaceFinder::new(&gallery);
    let drop_of = |row: usize| {
        let is_it = |drop: &&LastingDrop| {
            let face = &drop.dropped.face;
            finder.find(&face.sha256, &face.bbox) == Some(row)
        };
        drops.iter().find(is_it).map(|drop| (drop.dropped.decision, drop.reason.clone()))
    };
    let pins = store.pins()?;
    // The path as it is, else the one that it leads to.
    let folder = absolute(Path::new("."))?;
    let rows = FaceName::parse(&args.face).rows(&gallery, &folder)?;
    let index = FaceIndex::new(&gallery);
    let content = gallery.content_of(rows[0]);
    let summary = Summary {
        path: content.canonical().text(),
        aliases: content.aliases().iter().map(Location::text).collect(),
        sha256: content.sha256.to_string(),
        faces: rows
            .iter()
            .map(|row| {
                let outputs = outputs.iter().map(|out| verdicts(&gallery, &index, out, *row));
                let outputs = outputs.collect::<Result<_, ManifestError>>()?;
                Ok(Answer {
                    measured: Measured::of(&gallery, *row),
                    dropped: drop_of(*row),
                    pins: said(&gallery, &finder, &pins, *row),
                    outputs,
                })
            })
            .collect::<Result<_, ManifestError>>()?,
    };
    context.ui.summary(&summary)?;
    Ok(Exit::Done)
}

/// The pins that speak of a face and another one.
fn said(gallery: &Gallery, finder: &FaceFinder<'_>, pins: &[Pin], row: usize) -> Vec<PinLine> {
    let of = |pin: &Pin| {
        let (a, b) = (finder.find(&pin.a.sha256, &pin.a.bbox)?, finder.find(&pin.b.sha256, &pin.b.bbox)?);
        let other = if a == row { b } else { a };
        let speaks = (a == row || b == row) && a != b;
        speaks.then(|| PinLine {
            pin: pin.id,
            kind: pin.kind,
            path: gallery.content_of(other).canonical().text(),
            number: gallery.faces[other].number,
            distance: distance(gallery, row, other),
            threshold: RefineParameters::default().initial_threshold,
        })
    };
    pins.iter().filter_map(of).collect()
}

fn verdicts(
    gallery: &Gallery,
    index: &FaceIndex,
    folder: &Path,
    face: usize,
) -> Result<InOutput, ManifestError> {
    let schema = schema_of(&read_bytes(folder)?).unwrap_or_default();
    let verdicts = match schema.as_str() {
        CLUSTERS_SCHEMA => vec![in_clusters(gallery, index, &manifest::read(folder)?, face)],
        REFINED_SCHEMA => vec![in_refined(gallery, index, &manifest::read(folder)?, face)],
        CORPUS_SCHEMA => in_corpus(gallery, index, &Corpus::read(folder)?, face),
        _ => {
            let path = folder.join(MANIFEST);
            let reason = format!("its schema is `{schema}`");
            return Err(ManifestError::Invalid { path, expected: CORPUS_SCHEMA, reason });
        }
    };
    Ok(InOutput { folder: folder.to_owned(), verdicts })
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.path)?;
        self.aliases.iter().try_for_each(|alias| writeln!(f, "  also {alias}"))?;
        writeln!(f, "sha256 {}", self.sha256)?;
        for Answer { measured, dropped, pins, outputs } in &self.faces {
            let Measured { number, bbox: [x1, y1, ..], short_side, det_score, roll, blur, composite, .. } =
                measured;
            writeln!(
                f,
                "face {number} at {x1:.0},{y1:.0}: short side {short_side:.1} px, det_score {det_score:.3}, \
                 blur {blur:.1}, quality {composite:.3}"
            )?;
            if let Some(roll) = roll.filter(|roll| roll.abs() > MAX_ROLL) {
                writeln!(f, "  it lies: its eyes are at {roll:.0}°")?;
            }
            for PinLine { pin, kind, path, number, distance, threshold } in pins {
                let is = if *kind == PinKind::Same { "the same person as" } else { "not the person of" };
                let against = (distance > &threshold.get()) == (*kind == PinKind::Same);
                let against = if against { ", which speaks against it" } else { "" };
                writeln!(
                    f,
                    "  pin {pin} says that it is {is} face {number} of {path}: cosine distance {distance:.3} \
                     (one person's are within {threshold} on average){against}"
                )?;
            }
            if let Some((decision, reason)) = dropped {
                writeln!(f, "  dropped for good by decision {decision}: {reason}")?;
            }
            for InOutput { folder, verdicts } in outputs {
                for verdict in verdicts {
                    writeln!(f, "  {}: {verdict}", folder.display())?;
                }
            }
        }
        Ok(())
    }
}
