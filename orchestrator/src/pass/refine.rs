//! Clusters, merged, gated and numbered.

use std::{collections::BTreeSet, mem, path::PathBuf};

use facesets_base::{exit::Failure, layout::REFINED_SCHEMA, output::OutputKind};
use facesets_corpus::{
    export::collapse::{LEAST_SIMILARITY, pictures},
    manifest::{
        self, NamedSet, RefinedManifest, dropped_faces, named_set, non_utf8_paths, set_name, set_number,
    },
    placement::{Missing, Placement},
    sets::highest_faceset,
};
use facesets_library::store::Store;
use facesets_people::{
    gallery::{FaceIndex, Gallery},
    pins::PinEffect,
    refine::{RefineParameters, Refined, numbers, refine},
};
use serde::Serialize;

use crate::pass::{
    Session,
    cluster::photos,
    clustering::{ClusteringOptions, Pins, Watcher},
    drop_report::DropReport,
    output::{OutputOptions, place_sets},
    shortage::{Flags, Shortage},
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
    /// Thresholds and gates.
    pub(crate) parameters: RefineParameters,
    /// How photos get into the folders.
    pub(crate) materialize: Placement,
}

/// What was written.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) out: PathBuf,
    pub(crate) previous: Option<PathBuf>,
    pub(crate) facesets: usize,
    pub(crate) faces: usize,
    /// Sets with photos that seem to show the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) same: Vec<Same>,
    #[serde(flatten)]
    pub(crate) missing: Missing,
    #[serde(flatten)]
    pub(crate) dropped: DropReport,
    pub(crate) pins: Vec<PinEffect>,
    /// Why there is no set, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shortage: Option<Shortage>,
}

/// A set some of whose photos seem to show the same as others of it.
#[derive(Debug, Serialize)]
pub(crate) struct Same {
    pub(crate) set: String,
    /// Photos that passed the gates.
    pub(crate) photos: usize,
    /// Of these, pictures that differ.
    pub(crate) pictures: usize,
    /// Photos that were demanded.
    pub(crate) min_faces: usize,
}

/// Runs the pass.
pub(crate) fn run(options: &Options, session: &Session<'_>) -> Result<Report, Failure> {
    let gallery = options.clustering.load(session)?;
    // Whether it can be written is found out before the long work.
    let output = options.output.create(OutputKind::Refined, session, &[])?;
    let watcher = Watcher::new(session.monitor, session.stop);
    let store = Store::open_read(session.library)?;
    let pins = Pins::load(&store, &gallery, session.monitor)?;
    let grouping = options.clustering.grouping(&watcher, &pins.resolved);
    let parameters = options.parameters;
    let mut refined = refine(&gallery, &parameters, &grouping)?;
    let (names, highest_number) = names(options.output.replaced()?.as_ref(), &gallery, &mut refined, &store)?;
    let effects = pins.effects(&gallery, parameters.initial_threshold, &grouping)?;
    session.monitor.finish();

    let named = names.iter().zip(&refined.facesets);
    let manifest = RefinedManifest {
        schema: REFINED_SCHEMA.to_owned(),
        contract: gallery.contract.clone(),
        parameters,
        materialize: options.materialize,
        facesets: named.map(|(name, faces)| named_set(&gallery, name.clone(), faces)).collect(),
        highest_number,
        dropped: dropped_faces(&gallery, &refined.dropped),
        non_utf8_paths: non_utf8_paths(&gallery),
    };
    manifest::write(output.path(), &manifest)?;

    let names = names.iter().map(String::as_str);
    let sets: Vec<_> = names.zip(refined.facesets.iter().map(|faces| photos(&gallery, faces))).collect();
    let (placement, known) = (options.materialize, store.sightings()?);
    let missing = place_sets(&output, &sets, placement, options.accept_missing, &known, session)?;

    Ok(Report {
        out: output.target().to_owned(),
        previous: output.finish()?,
        facesets: refined.facesets.len(),
        faces: refined.facesets.iter().map(Vec::len).sum(),
        same: same_pictures(&gallery, &manifest, &refined.facesets),
        missing,
        shortage: refined
            .facesets
            .is_empty()
            .then(|| Shortage::new(&manifest.dropped, &refined.thin, Flags::Gates)),
        dropped: DropReport::new(&gallery, manifest.dropped),
        pins: effects,
    })
}

/// Sets with photos that seem to show the same as others: what [`facesets_corpus::export::collapse`] looks
/// for, as far as embeddings tell.
fn same_pictures(gallery: &Gallery, manifest: &RefinedManifest, facesets: &[Vec<usize>]) -> Vec<Same> {
    let min_faces = manifest.parameters.min_faces;
    let same = |(set, faces): (&NamedSet, &Vec<usize>)| {
        let mut seen = BTreeSet::new();
        let one_a_photo = faces.iter().copied().filter(|face| seen.insert(gallery.faces[*face].content));
        let one_a_photo: Vec<usize> = one_a_photo.collect();
        let photos = one_a_photo.len();
        let pictures = pictures(gallery, &one_a_photo, LEAST_SIMILARITY);
        (pictures < photos).then(|| Same { set: set.name.clone(), photos, pictures, min_faces })
    };
    manifest.facesets.iter().zip(facesets).filter_map(same).collect()
}

/// Orders facesets by number, and gives their names and the highest number that was ever given. Persons of an
/// earlier output that is replaced keep their numbers.
fn names(
    earlier: Option<&RefinedManifest>,
    gallery: &Gallery,
    refined: &mut Refined,
    store: &Store,
) -> Result<(Vec<String>, usize), Failure> {
    let (earlier, highest) = match earlier {
        Some(earlier) => {
            let index = FaceIndex::new(gallery);
            let set = |set: &NamedSet| {
                let rows = set.faces.iter().filter_map(|face| index.row(&face.sha256, face.bbox));
                // A photo at several places has an entry for each.
                let rows: BTreeSet<usize> = rows.collect();
                Some((set_number("faceset", &set.name)?, rows.into_iter().collect()))
            };
            (
                earlier.facesets.iter().filter_map(set).collect(),
                earlier.highest().max(highest_faceset(store)?),
            )
        }
        None => (Vec::new(), 0),
    };
    let mut numbered: Vec<(usize, Vec<usize>)> = numbers(&earlier, &refined.facesets, highest)
        .into_iter()
        .zip(mem::take(&mut refined.facesets))
        .collect();
    numbered.sort_unstable();
    let highest = numbered.last().map_or(highest, |(last, _)| highest.max(*last));
    let (numbers, facesets): (Vec<usize>, _) = numbered.into_iter().unzip();
    refined.facesets = facesets;
    Ok((numbers.into_iter().map(|number| set_name("faceset", number)).collect(), highest))
}
