//! Planned sets to files: crops, bundles and manifests in a folder that is under construction.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use facesets_base::layout::{FACES, FACESET_SCHEMA};
use facesets_core::Sha256Digest;
use facesets_people::{cluster::centroid, consent::SetConsent, drops::Drop};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use tokio_util::sync::CancellationToken;

use super::{
    PlannedFace, PlannedSet, bundle,
    certify::certify,
    cut::cut,
    diverse::diverse,
    draft::{Draft, State},
    duplicates::{left_out, set_aside, someone_stands_for_nobody},
    formats::{Format, Subject},
    kept::identity_cosine,
    losses::{Maker, refuse_losses},
    manifest::{BundleRecord, ExportedFace, FacesetManifest, FormatRecord, Gap},
    renderer::{Certify, RenderError, Renderer, at},
};
use crate::{
    certificate::{
        GenderAgeRecord, NotEstimated,
        consumer::{self, crop_name},
    },
    manifest::{self, DroppedFace, dropped_faces},
};

/// What was written.
#[derive(Debug, Default)]
pub struct Rendered {
    /// Sets with at least one crop, in the order given.
    pub sets: Vec<FacesetManifest>,
    /// Sets of which nothing was left.
    pub gaps: Vec<Gap>,
    /// Everything that was left out, by a rule or because there is no crop.
    pub dropped: Vec<DroppedFace>,
    /// The lowest cosine similarity of a bundle's effective identity to its set's centroid, where somebody
    /// looked.
    pub lowest_cosine: Option<f32>,
    /// Crops that could not be made or looked at; each was reported.
    pub failed: usize,
}

/// Crops of the right size that are there already: row of the gallery, bits of the padding → file.
pub type EarlierCrops = HashMap<(usize, u32), PathBuf>;

/// Writes `sets` below `folder`.
pub fn render(renderer: &Renderer<'_>, sets: &[PlannedSet], folder: &Path) -> Result<Rendered, RenderError> {
    render_again(renderer, sets, &EarlierCrops::new(), folder)
}

/// As [`render`]; crops that are there already are copied, so that they outlive their photos.
pub fn render_again(
    renderer: &Renderer<'_>,
    sets: &[PlannedSet],
    earlier: &EarlierCrops,
    folder: &Path,
) -> Result<Rendered, RenderError> {
    let consents: Vec<SetConsent> = sets.iter().map(|set| renderer.consent_of(set)).collect();
    let mut drafts = Vec::new();
    for (number, set) in sets.iter().enumerate() {
        if !renderer.demand.is_met_by(&consents[number]) {
            continue;
        }
        let faces = folder.join(&set.name).join(FACES);
        fs::create_dir_all(&faces).map_err(at(&faces))?;
        for (rank, face) in set.faces.iter().enumerate() {
            let path = faces.join(crop_name(rank));
            let file = earlier.get(&(face.face, face.pad_ratio.to_bits()));
            drafts.push(match file {
                Some(file) => Draft::copied(number, *face, path, file)?,
                None => Draft::new(number, *face, path),
            });
        }
    }
    cut(renderer, &mut drafts)?;
    set_aside(renderer, &mut drafts)?;
    if let Certify::By(examiner, losses) = renderer.certify {
        certify(renderer, examiner, &mut drafts)?;
        // The next best stands for the others where a crop did not pass.
        while someone_stands_for_nobody(&drafts) {
            set_aside(renderer, &mut drafts)?;
            certify(renderer, examiner, &mut drafts)?;
        }
        refuse_losses(losses, Maker::Us, &drafts, &|number| sets[number].name.clone())?;
    }

    let mut rendered = Rendered::default();
    let mut finishing = Vec::new();
    let mut drafts = drafts.into_iter().peekable();
    for ((number, set), consent) in sets.iter().enumerate().zip(consents) {
        let mut dropped = set.dropped.clone();
        if !renderer.demand.is_met_by(&consent) {
            let dropped = dropped_faces(&renderer.view.gallery, &dropped);
            rendered.gaps.push(Gap { consent: Some(consent), ..Gap::new(&set.name, dropped) });
            continue;
        }
        let mut kept = Vec::new();
        while let Some(draft) = drafts.next_if(|draft| draft.set == number) {
            let Some(reason) = left_out(renderer, &draft) else {
                kept.push(draft);
                continue;
            };
            match fs::remove_file(&draft.path) {
                // It may never have been written.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&draft.path)(error)),
                _ => {}
            }
            rendered.failed += usize::from(matches!(draft.state, State::Lost(_) | State::Unseen(_)));
            dropped.push(Drop { face: draft.face.face, reason });
        }
        dropped.sort_by_key(|drop| drop.face);
        let dropped = dropped_faces(&renderer.view.gallery, &dropped);
        rendered.dropped.extend_from_slice(&dropped);
        if kept.is_empty() {
            let home = folder.join(&set.name);
            fs::remove_dir_all(&home).map_err(at(&home))?;
            rendered.gaps.push(Gap::new(&set.name, dropped));
            continue;
        }
        finishing.push(Kept { set, consent, crops: kept, dropped });
    }
    rendered.sets = finish(renderer, finishing, folder)?;
    let bundles = rendered.sets.iter().flat_map(|set| &set.bundles);
    rendered.lowest_cosine = bundles.filter_map(|bundle| bundle.effective_identity_cosine).reduce(f32::min);
    Ok(rendered)
}

/// What is left of a set when its crops were looked at.
struct Kept<'a> {
    set: &'a PlannedSet,
    consent: SetConsent,
    /// Not empty.
    crops: Vec<Draft>,
    dropped: Vec<DroppedFace>,
}

/// Finishes sets in parallel, and gives their manifests in the same order.
fn finish(
    renderer: &Renderer<'_>,
    sets: Vec<Kept<'_>>,
    folder: &Path,
) -> Result<Vec<FacesetManifest>, RenderError> {
    let Renderer { monitor, stop, .. } = *renderer;
    if sets.is_empty() {
        return Ok(Vec::new());
    }
    monitor.start("bundling", Some(sets.len() as u64));
    let finished = sets.into_par_iter().map(|kept| {
        if stop.is_cancelled() {
            return Err(RenderError::Stopped);
        }
        let manifest = finish_set(renderer, kept, folder)?;
        monitor.advance(1);
        Ok(manifest)
    });
    let finished = finished.collect::<Result<_, _>>()?;
    monitor.finish();
    Ok(finished)
}

/// Closes the gaps that lost crops left in the numbering, then writes bundles and manifest.
fn finish_set(
    renderer: &Renderer<'_>,
    Kept { set, consent, crops: mut kept, dropped }: Kept<'_>,
    folder: &Path,
) -> Result<FacesetManifest, RenderError> {
    let Renderer { view, parameters, .. } = *renderer;
    let gallery = &view.gallery;
    let home = folder.join(&set.name);
    let mut faces = Vec::new();
    for (number, draft) in kept.iter_mut().enumerate() {
        let name = crop_name(number);
        let path = home.join(FACES).join(&name);
        if draft.path != path {
            fs::rename(&draft.path, &path).map_err(at(&path))?;
            draft.path = path;
        }
        let png = draft.png().expect("what is kept has a file");
        faces.push(ExportedFace::new(gallery, &draft.face, format!("{FACES}/{name}"), png));
    }
    let gender_age = gender_age(renderer, &kept);
    let manifest = FacesetManifest {
        schema: FACESET_SCHEMA.to_owned(),
        name: set.name.clone(),
        label: set.label.clone(),
        marker: set.marker.clone(),
        parent: set.era.as_ref().map(|(parent, _)| parent.clone()),
        era: set.era.as_ref().map(|(_, era)| era.clone()),
        origin: set.origin.clone(),
        contract: gallery.contract.clone(),
        parameters: *parameters,
        certificate: renderer.certify.certificate(),
        consent: Some(consent),
        provenance: renderer.view.consent.terms(&set.person),
        bundles: bundles(renderer, set, &kept, &home)?,
        formats: formats(renderer, set, &kept, &faces, gender_age.as_ref(), &home)?,
        gender_age,
        faces,
        dropped,
        unmatched: Vec::new(),
        beside: Vec::new(),
    };
    if let Some(marker) = &set.marker {
        let path = home.join(format!("{marker}.txt"));
        fs::write(&path, format!("{marker}\n")).map_err(at(&path))?;
    }
    manifest::write(&home, &manifest)?;
    Ok(manifest)
}

/// Writes the bundles of a set, and reads each again as its consumers do.
fn bundles(
    renderer: &Renderer<'_>,
    set: &PlannedSet,
    kept: &[Draft],
    home: &Path,
) -> Result<Vec<BundleRecord>, RenderError> {
    let Renderer { view, parameters, .. } = *renderer;
    let gallery = &view.gallery;
    let planned: Vec<PlannedFace> = kept.iter().map(|draft| draft.face).collect();
    let mut rows: Vec<usize> = planned.iter().map(|planned| planned.face).collect();
    rows.sort_unstable();
    let centroid = centroid(&gallery.embeddings, &rows);
    let best: Vec<usize> = (0..kept.len().min(parameters.top_n)).collect();
    let mut records = Vec::new();
    for (suffix, numbers) in [
        (format!("diverse{}", parameters.diverse_n), diverse(gallery, &planned, parameters.diverse_n)),
        (format!("top{}", parameters.top_n), best),
        ("all".to_owned(), (0..kept.len()).collect()),
    ] {
        if numbers.is_empty() {
            continue;
        }
        let file = format!("{}_{suffix}.fsz", set.label.as_ref().unwrap_or(&set.name));
        let path = home.join(&file);
        let files = numbers.iter().map(|number| format!("{FACES}/{}", crop_name(*number))).collect();
        let record = bundle::write_recorded(home, file, files).map_err(at(&path))?;
        let crops: Vec<&Draft> = numbers.iter().map(|number| &kept[*number]).collect();
        read_again(&path, &crops, parameters.out_size)?;
        let effective_identity_cosine = identity_cosine(crops.iter().map(|crop| crop.reading()), &centroid);
        records.push(BundleRecord { effective_identity_cosine, ..record });
    }
    Ok(records)
}

/// What the crops of a set say of gender and age, where one of its formats tells them.
fn gender_age(renderer: &Renderer<'_>, kept: &[Draft]) -> Option<GenderAgeRecord> {
    if !renderer.formats.iter().any(|format| format.tells_gender_and_age()) {
        return None;
    }
    let contract = match renderer.certify {
        Certify::By(examiner, _) => examiner.gender_age(),
        Certify::Skip(_) => Err(NotEstimated::NotAsked),
    };
    Some(match contract {
        Ok(contract) => {
            // Of a crop that shows more than one face at the contract's detector size, the surest.
            let crops = kept.iter().filter_map(|draft| draft.reading()?.gender_age.first().copied());
            GenderAgeRecord::sum_up(&contract, &crops.collect::<Vec<_>>())
        }
        Err(reason) => GenderAgeRecord::NotEstimated { reason },
    })
}

/// Writes a set in other formats.
fn formats(
    renderer: &Renderer<'_>,
    set: &PlannedSet,
    kept: &[Draft],
    faces: &[ExportedFace],
    gender_age: Option<&GenderAgeRecord>,
    home: &Path,
) -> Result<Vec<FormatRecord>, RenderError> {
    let Renderer { view, extras, .. } = *renderer;
    let gallery = &view.gallery;
    let rows: Vec<usize> = kept.iter().map(|draft| draft.face.face).collect();
    let name = set.label.as_ref().unwrap_or(&set.name);
    let best = fs::read(&kept[0].path).map_err(at(&kept[0].path))?;
    let subject = Subject { gallery, extras, name, faces, rows: &rows, best: &best, gender_age };
    let write = |format: &Format| {
        let file = format.file(name);
        let path = home.join(&file);
        let bytes = format.bytes(&subject).map_err(at(&path))?;
        fs::write(&path, &bytes).map_err(at(&path))?;
        Ok(FormatRecord { format: *format, file, sha256: Sha256Digest::of(&bytes).to_string() })
    };
    renderer.formats.iter().map(write).collect()
}

/// Demands that a consumer finds in a bundle the very crops that were looked at, and nothing to stumble over.
fn read_again(path: &Path, crops: &[&Draft], side: u32) -> Result<(), RenderError> {
    // What we have encoded ourselves, byte for byte, can be decoded.
    let known = crops.iter().filter_map(|crop| crop.png()).collect();
    let contents = consumer::bundle_of(path, side, &known, &CancellationToken::new()).map_err(at(path))?;
    let not = |what: &str, fault: &str| RenderError::Bundle {
        path: path.to_owned(),
        what: what.to_owned(),
        fault: fault.to_owned(),
    };
    if let Some((what, fault)) = contents.faults.first() {
        return Err(not(what, fault));
    }
    if contents.crops.len() != crops.len() {
        return Err(not("the whole", "holds another number of crops"));
    }
    match contents.crops.iter().zip(crops).find(|(read, crop)| Some(read.sha256) != crop.png()) {
        Some((read, _)) => Err(not(&read.name, "has other bytes than the crop that was made")),
        None => Ok(()),
    }
}
