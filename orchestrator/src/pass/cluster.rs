//! One folder a person, straight from the clustering.

use std::{collections::BTreeSet, path::PathBuf};

use facesets_base::{
    exit::Failure,
    layout::{CLUSTERS_SCHEMA, NOFACE, SINGLETONS},
    output::OutputKind,
};
use facesets_corpus::{
    manifest::{self, ClusterManifest, face_entries, named_sets, non_utf8_paths, photo_entries},
    placement::{Missing, Placement},
};
use facesets_library::store::Store;
use facesets_people::{
    gallery::{Content, Gallery},
    pins::PinEffect,
    refine::order_by_size,
    threshold::CosineDistance,
};
use serde::Serialize;

use crate::pass::{
    Session,
    clustering::{ClusteringOptions, Pins, Watcher},
    output::{OutputOptions, place_sets},
};

/// What is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Where to write.
    pub(crate) output: OutputOptions,
    /// Go on although more than half of the photos cannot be placed.
    pub(crate) accept_missing: bool,
    /// Who clusters.
    pub(crate) clustering: ClusteringOptions,
    /// Cosine distance at which the clustering is cut.
    pub(crate) threshold: CosineDistance,
    /// How photos get into the folders.
    pub(crate) materialize: Placement,
}

/// What was written; counts are of distinct photos and faces, aliases are not counted.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) out: PathBuf,
    pub(crate) previous: Option<PathBuf>,
    pub(crate) faces: usize,
    pub(crate) persons: usize,
    pub(crate) singletons: usize,
    pub(crate) noface: usize,
    #[serde(flatten)]
    pub(crate) missing: Missing,
    pub(crate) pins: Vec<PinEffect>,
}

/// Runs the pass.
pub(crate) fn run(options: &Options, session: &Session<'_>) -> Result<Report, Failure> {
    let gallery = options.clustering.load(session)?;
    // Whether it can be written is found out before the long work.
    let output = options.output.create(OutputKind::Clusters, session, &[])?;
    let watcher = Watcher::new(session.monitor, session.stop);
    let store = Store::open_read(session.library)?;
    let pins = Pins::load(&store, &gallery, session.monitor)?;
    let grouping = options.clustering.grouping(&watcher, &pins.resolved);
    let clusters = grouping.faces(&gallery, &grouping.wanted(&gallery), options.threshold)?;
    let effects = pins.effects(&gallery, options.threshold, &grouping)?;
    session.monitor.finish();
    let (mut persons, singletons): (Vec<_>, Vec<_>) = clusters.into_iter().partition(|faces| faces.len() > 1);
    order_by_size(&mut persons);

    let manifest = ClusterManifest {
        schema: CLUSTERS_SCHEMA.to_owned(),
        contract: gallery.contract.clone(),
        threshold: options.threshold,
        materialize: options.materialize,
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
    let (placement, known) = (options.materialize, store.sightings()?);
    let missing = place_sets(&output, &folders, placement, options.accept_missing, &known, session)?;

    Ok(Report {
        out: output.target().to_owned(),
        previous: output.finish()?,
        faces: gallery.faces.len(),
        persons: persons.len(),
        singletons: singletons.len(),
        noface: gallery.contents_without_face().count(),
        missing,
        pins: effects,
    })
}

/// The photos that some faces are in, each once.
pub(crate) fn photos<'a>(gallery: &'a Gallery, faces: &[usize]) -> Vec<&'a Content> {
    let contents: BTreeSet<usize> = faces.iter().map(|face| gallery.faces[*face].content).collect();
    contents.into_iter().map(|content| &gallery.contents[content]).collect()
}
