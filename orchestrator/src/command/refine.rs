//! `facesets refine OUT`: clusters, merged, gated and numbered.

use std::{collections::BTreeSet, fmt, mem, path::PathBuf};

use facesets_base::{
    exit::{Exit, Failure},
    layout::REFINED_SCHEMA,
    output::OutputKind,
};
use facesets_corpus::{
    export::collapse::{LEAST_SIMILARITY, pictures},
    manifest::{
        self, NamedSet, RefinedManifest, dropped_faces, named_set, non_utf8_paths, set_name, set_number,
    },
    placement::{Earlier, Missing, Placer},
    sets::highest_faceset,
};
use facesets_library::store::Store;
use facesets_people::{
    gallery::{FaceIndex, Gallery},
    pins::PinEffect,
    refine::{RefineParameters, Refined, numbers, refine},
};
use serde::Serialize;

use super::{
    Context,
    cluster::photos,
    clustering::{ClusteringArgs, CtrlC, Pins, Watcher, write_effects},
    drop_report::DropReport,
    output_args::{MissingArgs, OutputArgs, place_sets, write_ending},
    shortage::{Flags, Shortage},
};
use crate::command::{choices::PlacementArg, parameters::RefineArgs};

/// Flags of `refine`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    missing: MissingArgs,
    #[command(flatten)]
    clustering: ClusteringArgs,
    #[command(flatten)]
    parameters: RefineArgs,
    /// How photos get into the folders
    #[arg(long, value_enum, default_value_t)]
    materialize: PlacementArg,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Summary {
    out: PathBuf,
    previous: Option<PathBuf>,
    facesets: usize,
    faces: usize,
    /// Sets with photos that seem to show the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    same: Vec<Same>,
    #[serde(flatten)]
    missing: Missing,
    #[serde(flatten)]
    dropped: DropReport,
    pins: Vec<PinEffect>,
    /// Why there is no set, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    shortage: Option<Shortage>,
}

/// A set some of whose photos seem to show the same as others of it.
#[derive(Debug, Serialize)]
struct Same {
    set: String,
    /// Photos that passed the gates.
    photos: usize,
    /// Of these, pictures that differ.
    pictures: usize,
    /// Photos that were demanded.
    min_faces: usize,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let gallery = args.clustering.load(context)?;
    // Whether it can be written is found out before the long work.
    let output = args.output.create(OutputKind::Refined, context, &[])?;
    let watcher = Watcher::new(context.monitor(), &ctrl_c.stop);
    let store = Store::open_read(&context.library)?;
    let pins = Pins::load(&store, &gallery, context.monitor())?;
    let grouping = args.clustering.grouping(&watcher, &pins.resolved);
    let parameters: RefineParameters = args.parameters.into();
    let mut refined = refine(&gallery, &parameters, &grouping)?;
    let (names, highest_number) = names(args.output.replaced()?.as_ref(), &gallery, &mut refined, &store)?;
    let effects = pins.effects(&gallery, parameters.initial_threshold, &grouping)?;
    context.monitor().finish();

    let named = names.iter().zip(&refined.facesets);
    let manifest = RefinedManifest {
        schema: REFINED_SCHEMA.to_owned(),
        contract: gallery.contract.clone(),
        parameters,
        materialize: args.materialize.into(),
        facesets: named.map(|(name, faces)| named_set(&gallery, name.clone(), faces)).collect(),
        highest_number,
        dropped: dropped_faces(&gallery, &refined.dropped),
        non_utf8_paths: non_utf8_paths(&gallery),
    };
    manifest::write(output.path(), &manifest)?;

    let names = names.iter().map(String::as_str);
    let sets: Vec<_> = names.zip(refined.facesets.iter().map(|faces| photos(&gallery, faces))).collect();
    let known = store.sightings()?;
    let placer = Placer {
        placement: args.materialize.into(),
        earlier: Earlier::new(),
        known: &known,
        stop: &ctrl_c.stop,
        monitor: context.monitor(),
    };
    let missing = place_sets(&output, &sets, &placer, &args.missing)?;

    let summary = Summary {
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
    };
    context.ui.summary(&summary)?;
    Ok(if summary.missing.is_empty() { Exit::Done } else { Exit::SomeFailed })
}

/// Sets with photos that seem to show the same as others: what [`facesets_corpus::export::collapse`] looks for, as far
/// as embeddings tell.
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

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.dropped, f)?;
        write_effects(f, &self.pins)?;
        if let Some(shortage) = &self.shortage {
            write!(f, "{shortage}")?;
        }
        for Same { set, photos, pictures, min_faces } in &self.same {
            write!(
                f,
                "{set}: {photos} photos, {} of them seem to show the same as others (similarity ≥ {LEAST_SIMILARITY}): \
                 {pictures} pictures",
                photos - pictures
            )?;
            if pictures < min_faces {
                write!(f, ", fewer than `--min-faces {min_faces}`")?;
            }
            writeln!(f)?;
        }
        writeln!(f, "{} facesets with {} faces", self.facesets, self.faces)?;
        write!(f, "{}", self.missing)?;
        write_ending(f, self.previous.as_deref(), &self.out)
    }
}
