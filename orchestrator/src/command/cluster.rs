//! `facesets cluster OUT`: one folder a person, straight from the clustering.

use std::{collections::BTreeSet, fmt, path::PathBuf};

use facesets_base::{
    exit::{Exit, Failure},
    layout::{CLUSTERS_SCHEMA, NOFACE, SINGLETONS},
    output::OutputKind,
};
use facesets_corpus::{
    manifest::{self, ClusterManifest, face_entries, named_sets, non_utf8_paths, photo_entries},
    placement::{Earlier, Missing, Placer},
};
use facesets_library::store::Store;
use facesets_people::{
    gallery::{Content, Gallery},
    pins::PinEffect,
    refine::order_by_size,
    threshold::CosineDistance,
};
use serde::Serialize;

use super::{
    Context,
    clustering::{ClusteringArgs, CtrlC, Pins, Watcher, write_effects},
    output_args::{MissingArgs, OutputArgs, place_sets, write_ending},
};
use crate::command::choices::PlacementArg;

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

/// What was written; counts are of distinct photos and faces, aliases are not counted.
#[derive(Debug, Serialize)]
struct Summary {
    out: PathBuf,
    previous: Option<PathBuf>,
    faces: usize,
    persons: usize,
    singletons: usize,
    noface: usize,
    #[serde(flatten)]
    missing: Missing,
    pins: Vec<PinEffect>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let gallery = args.clustering.load(context)?;
    // Whether it can be written is found out before the long work.
    let output = args.output.create(OutputKind::Clusters, context, &[])?;
    let watcher = Watcher::new(context.monitor(), &ctrl_c.stop);
    let store = Store::open_read(&context.library)?;
    let pins = Pins::load(&store, &gallery, context.monitor())?;
    let grouping = args.clustering.grouping(&watcher, &pins.resolved);
    let clusters = grouping.faces(&gallery, &grouping.wanted(&gallery), args.threshold)?;
    let effects = pins.effects(&gallery, args.threshold, &grouping)?;
    context.monitor().finish();
    let (mut persons, singletons): (Vec<_>, Vec<_>) = clusters.into_iter().partition(|faces| faces.len() > 1);
    order_by_size(&mut persons);

    let manifest = ClusterManifest {
        schema: CLUSTERS_SCHEMA.to_owned(),
        contract: gallery.contract.clone(),
        threshold: args.threshold,
        materialize: args.materialize.into(),
        persons: named_sets(&gallery, &persons, "person"),
        singletons: singletons.iter().flatten().flat_map(|face| face_entries(&gallery, *face)).collect(),
        noface: photo_entries(&gallery),
        non_utf8_paths: non_utf8_paths(&gallery),
    };
    manifest::write(output.path(), &manifest)?;

    let mut folders: Vec<(&str, Vec<&Content>)> = manifest
        .persons
        .iter()
        .zip(&persons)
        .map(|(set, faces)| (set.name.as_str(), photos(&gallery, faces)))
        .collect();
    folders.push((SINGLETONS, photos(&gallery, &singletons.concat())));
    folders.push((NOFACE, gallery.contents_without_face().collect()));
    let known = store.sightings()?;
    let placer = Placer {
        placement: args.materialize.into(),
        earlier: Earlier::new(),
        known: &known,
        stop: &ctrl_c.stop,
        monitor: context.monitor(),
    };
    let missing = place_sets(&output, &folders, &placer, &args.missing)?;

    let summary = Summary {
        out: output.target().to_owned(),
        previous: output.finish()?,
        faces: gallery.faces.len(),
        persons: persons.len(),
        singletons: singletons.len(),
        noface: gallery.contents_without_face().count(),
        missing,
        pins: effects,
    };
    context.ui.summary(&summary)?;
    Ok(if summary.missing.is_empty() { Exit::Done } else { Exit::SomeFailed })
}

/// The photos that some faces are in, each once.
pub(super) fn photos<'a>(gallery: &'a Gallery, faces: &[usize]) -> Vec<&'a Content> {
    let contents: BTreeSet<usize> = faces.iter().map(|face| gallery.faces[*face].content).collect();
    contents.into_iter().map(|content| &gallery.contents[content]).collect()
}

impl fmt::Display for Summary {
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
