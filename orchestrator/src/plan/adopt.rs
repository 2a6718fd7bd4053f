//! An old corpus as one of ours: crops get second names, manifests, bundles and the page over all are made anew.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use facesets_core::Sha256Digest;

use super::{
    Plan, Target,
    apply::{ApplyError, Workshop, check_name},
};
use crate::{
    adopt::{AdoptedCrop, AdoptedSet, Adoption, old::DROPPED},
    certificate::{Certificate, Skipped},
    export::{
        ExportParameters, PlannedFace, bundle,
        corpus::Corpus,
        manifest::{
            BundleRecord, CorpusManifest, ExportedFace, FACESET_SCHEMA, FacesetManifest, FacesetSummary, Gap,
            Origin, Run, UNMATCHED,
        },
        render::FACES,
    },
    gallery::FaceIndex,
    manifest::{self, DroppedFace},
    quality::QualityTerms,
    refine::DropReason,
};

/// What is built, where, and by which decision.
#[derive(Clone, Copy)]
pub(super) struct Building<'a> {
    pub(super) plan: &'a Plan,
    pub(super) target: &'a Target,
    pub(super) staging: &'a Path,
    pub(super) decision: i64,
    pub(super) workshop: &'a Workshop<'a>,
}

/// Builds the sets of an old corpus under our manifests; returns the names of those that lie elsewhere then.
pub(super) fn adopt(building: &Building<'_>, adoption: &Adoption) -> Result<Vec<String>, ApplyError> {
    let Building { plan, target, staging, workshop, .. } = *building;
    let builder = Builder { building: *building, index: FaceIndex::new(workshop.gallery) };
    let parameters = adoption.sets.first().map_or_else(ExportParameters::default, parameters);
    let mut corpus = CorpusManifest {
        gaps: adoption.missing.iter().map(|name| Gap { name: name.clone(), dropped: Vec::new() }).collect(),
        aside: adoption.aside.clone(),
        beside: adoption.beside.clone(),
        ..CorpusManifest::empty(plan.contract.clone(), parameters)
    };
    let mut sets = Vec::new();
    workshop.monitor.start("taking sets over", Some(adoption.sets.len() as u64));
    for set in &adoption.sets {
        if workshop.stop.is_cancelled() {
            return Err(ApplyError::Stopped);
        }
        let set = builder.set(set)?;
        corpus.facesets.push(FacesetSummary::of(&set, &set.name));
        sets.push(set);
        workshop.monitor.advance(1);
    }
    let mut elsewhere = Vec::new();
    for set in &adoption.aside.unmatched {
        check_name(&set.name)?;
        link_tree(&target.root.join(&set.name), &staging.join(UNMATCHED).join(&set.name))?;
        elsewhere.push(set.name.clone());
    }
    workshop.monitor.finish();
    corpus.runs.push(Run {
        command: plan.command.clone(),
        made_by: plan.made_by.clone(),
        parameters,
        facesets: corpus.facesets.iter().map(|set| set.name.clone()).collect(),
    });
    Corpus { manifest: corpus, sets, thin: Vec::new() }.write(staging)?;
    Ok(elsewhere)
}

/// How later additions are exported: as the old crops were, as far as these tell.
fn parameters(set: &AdoptedSet) -> ExportParameters {
    ExportParameters { out_size: set.out_size, top_n: set.top_n, ..ExportParameters::default() }
}

struct Builder<'a> {
    building: Building<'a>,
    index: FaceIndex,
}

impl Builder<'_> {
    fn set(&self, set: &AdoptedSet) -> Result<FacesetManifest, ApplyError> {
        let names = [Some(&set.name), set.label.as_ref(), set.marker.as_ref()];
        let files = set.faces.iter().map(|crop| &crop.file).chain(&set.pinned).chain(&set.beside);
        names.into_iter().flatten().chain(files).try_for_each(|name| check_name(name))?;
        let (old, home) = (self.building.target.root.join(&set.name), self.building.staging.join(&set.name));
        let (old_faces, new_faces) = (old.join(FACES), home.join(FACES));
        fs::create_dir_all(&new_faces).map_err(at(&new_faces))?;
        for crop in &set.faces {
            link(&old_faces.join(&crop.file), &new_faces.join(&crop.file))?;
        }
        // What lies in folders beside the crops, as those that were dropped, stays there.
        for entry in fs::read_dir(&old_faces).map_err(at(&old_faces))? {
            let path = entry.map_err(at(&old_faces))?.path();
            if let (true, Some(name)) = (path.is_dir(), path.file_name()) {
                link_tree(&path, &new_faces.join(name))?;
            }
        }
        for file in &set.pinned {
            move_to(&old_faces.join(file), &new_faces.join(DROPPED), file)?;
        }
        for file in set.unmatched.iter().filter_map(|entry| entry.file.as_ref()) {
            check_name(file)?;
            move_to(&old_faces.join(file), &new_faces.join(UNMATCHED), file)?;
        }
        for name in &set.beside {
            link_tree(&old.join(name), &home.join(name))?;
        }
        if let Some(marker) = &set.marker {
            link(&old.join(format!("{marker}.txt")), &home.join(format!("{marker}.txt")))?;
        }
        let crops: Vec<String> = set.faces.iter().map(|crop| format!("{FACES}/{}", crop.file)).collect();
        let label = set.label.as_ref().unwrap_or(&set.name);
        let mut bundles = Vec::new();
        for (suffix, count) in [(format!("top{}", set.top_n), set.top_n), ("all".to_owned(), usize::MAX)] {
            let file = format!("{label}_{suffix}.fsz");
            let crops = crops[..count.min(crops.len())].to_vec();
            bundles.push(bundle::write_recorded(&home, file, crops).map_err(at(&home))?);
        }
        let manifest = self.manifest(set, &home, bundles)?;
        manifest::write(&home, &manifest)?;
        Ok(manifest)
    }

    fn manifest(
        &self,
        set: &AdoptedSet,
        home: &Path,
        bundles: Vec<BundleRecord>,
    ) -> Result<FacesetManifest, ApplyError> {
        let gallery = self.building.workshop.gallery;
        let parameters = parameters(set);
        let face = |crop: &AdoptedCrop| {
            let row = self.index.row(&crop.face.sha256, crop.face.bbox);
            let face = row.ok_or_else(|| ApplyError::UnknownFace {
                set: set.name.clone(),
                path: crop.face.path.clone(),
            })?;
            let quality = QualityTerms::of(&gallery.faces[face]);
            let planned = PlannedFace { face, quality, pad_ratio: parameters.pad_ratio };
            let path = home.join(FACES).join(&crop.file);
            let (png, _) = fs::File::open(&path).and_then(Sha256Digest::of_reader).map_err(at(&path))?;
            Ok(ExportedFace::new(gallery, &planned, format!("{FACES}/{}", crop.file), png))
        };
        let dropped = |drop: &DroppedFace| {
            let reason = match &drop.reason {
                DropReason::Decided { decision: 0 } => {
                    DropReason::Decided { decision: self.building.decision }
                }
                reason => reason.clone(),
            };
            DroppedFace { reason, ..drop.clone() }
        };
        Ok(FacesetManifest {
            parent: None,
            era: None,
            schema: FACESET_SCHEMA.to_owned(),
            name: set.name.clone(),
            label: set.label.clone(),
            marker: set.marker.clone(),
            origin: Origin { kind: set.origin, run: 1 },
            contract: gallery.contract.clone(),
            parameters,
            certificate: Certificate::Skipped { reason: Skipped::NotByThisCommand },
            bundles,
            formats: Vec::new(),
            faces: set.faces.iter().map(face).collect::<Result<_, ApplyError>>()?,
            dropped: set.dropped.iter().map(dropped).collect(),
            unmatched: set.unmatched.clone(),
            beside: set.beside.clone(),
        })
    }
}

/// Gives a crop a second name in a folder of its own, under a name that is free there.
fn move_to(from: &Path, folder: &Path, file: &str) -> Result<(), ApplyError> {
    fs::create_dir_all(folder).map_err(at(folder))?;
    let path = Path::new(file);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
    let names = (2..).map(|number| format!("{stem}-{number}{}", extension.as_deref().unwrap_or_default()));
    let mut names = std::iter::once(file.to_owned()).chain(names);
    let free = names.find(|name| !folder.join(name).exists()).unwrap_or_else(|| file.to_owned());
    link(from, &folder.join(free))
}

/// A second name for a file that nobody ever changes, or a copy where there are no second names.
fn link(from: &Path, to: &Path) -> Result<(), ApplyError> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            fs::copy(from, to).map(drop).map_err(at(from))
        }
        linked => linked.map_err(at(from)),
    }
}

/// As [`link`] for a file or a whole folder.
fn link_tree(from: &Path, to: &Path) -> Result<(), ApplyError> {
    if !fs::symlink_metadata(from).map_err(at(from))?.is_dir() {
        return link(from, to);
    }
    fs::create_dir_all(to).map_err(at(to))?;
    let entries: io::Result<BTreeSet<PathBuf>> =
        fs::read_dir(from).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    for path in entries.map_err(at(from))? {
        if let Some(name) = path.file_name() {
            link_tree(&path, &to.join(name))?;
        }
    }
    Ok(())
}

fn at(path: &Path) -> impl Fn(io::Error) -> ApplyError + '_ {
    move |source| ApplyError::Io { path: path.to_owned(), source }
}
