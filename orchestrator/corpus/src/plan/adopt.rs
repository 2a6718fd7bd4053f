//! An old corpus as one of ours: crops get second names, manifests, bundles and the page over all are made
//! anew.

use std::{collections::BTreeSet, ffi::OsStr, fs, path::Path};

use facesets_base::layout::{DROPPED, FACES, FACESET_SCHEMA, UNMATCHED};
use facesets_core::{Sha256Digest, is_litter};
use facesets_people::{
    cluster::centroid, consent::Withheld, drops::DropReason, gallery::FaceIndex, quality::QualityTerms,
    view::View,
};

use super::{
    Plan, Target,
    tree::{at, link, link_tree},
    workshop::{Applied, ApplyError, Workshop},
};
use crate::{
    certificate::{Certificate, Reading},
    export::{
        ExportParameters, PlannedFace, bundle,
        corpus::Corpus,
        formats::Extras,
        kept::{self, KeptCrop, Verdict, identity_cosine},
        manifest::{
            BundleRecord, CorpusManifest, ExportedFace, FacesetManifest, FacesetSummary, Gap, Mismatch, Run,
            SetAside, Unmatched,
        },
        origin::Origin,
        renderer::Renderer,
    },
    manifest::{self, DroppedFace, Schema as _, check_inside, check_name},
    plan::adoption::{AdoptedCrop, AdoptedSet, Adoption},
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
pub(super) fn adopt(
    building: &Building<'_>,
    adoption: &Adoption,
    applied: &mut Applied,
) -> Result<Vec<String>, ApplyError> {
    let Building { plan, target, staging, workshop, .. } = *building;
    let parameters = adoption.sets.first().map_or_else(ExportParameters::default, parameters);
    let renderer = Renderer {
        view: workshop.view,
        parameters: &parameters,
        certify: workshop.certify,
        demand: plan.demand,
        formats: &BTreeSet::new(),
        extras: &Extras::default(),
        monitor: workshop.monitor,
        stop: workshop.stop,
    };
    let builder = Builder { building: *building, view: workshop.view };
    let mut corpus = CorpusManifest {
        gaps: adoption.missing.iter().map(|name| Gap::new(name, Vec::new())).collect(),
        aside: adoption.aside.clone(),
        beside: adoption.beside.clone(),
        ..CorpusManifest::empty(plan.contract.clone(), parameters)
    };
    let withheld = withheld(adoption, &workshop.view.index, |name, person| {
        workshop.view.consent.withheld(name, person, plan.demand)
    });
    let is_taken = |set: &&AdoptedSet| withheld.iter().all(|withheld| withheld.name != set.name);
    let taken: Vec<&AdoptedSet> = adoption.sets.iter().filter(is_taken).collect();
    workshop.monitor.start("taking sets over", Some(taken.len() as u64));
    let mut crops = Vec::new();
    for set in &taken {
        if workshop.stop.is_cancelled() {
            return Err(ApplyError::Stopped);
        }
        crops.push(builder.stage(set)?);
        workshop.monitor.advance(1);
    }
    workshop.monitor.finish();

    let verdicts = kept::look(&renderer, &crops, &|number| adoption.sets[number].name.clone())?;
    let bundled = applied.bundled.get_or_insert_default();
    let mut sets = Vec::new();
    for ((set, crops), verdicts) in taken.into_iter().zip(&crops).zip(verdicts) {
        let looked = Looked::new(set, crops, verdicts);
        applied.failed += looked.unseen.len();
        bundled.left_out.extend(looked.dropped.iter().cloned());
        if looked.stays.is_empty() {
            let home = staging.join(&set.name);
            fs::remove_dir_all(&home).map_err(at(&home))?;
            bundled.gaps.push(set.name.clone());
            corpus.aside.unmatched.push(set_aside(set));
        } else {
            sets.push(builder.finish(set, &looked, renderer.certify.certificate())?);
        }
    }
    bundled.add(&sets);
    applied.built += sets.len();
    // Their folders stay among those of earlier ones, for `undo`.
    let mut elsewhere: Vec<String> = withheld.iter().map(|set| set.name.clone()).collect();
    corpus.gaps.extend(
        withheld
            .iter()
            .map(|set| Gap { consent: Some(set.consent.clone()), ..Gap::new(&set.name, Vec::new()) }),
    );
    bundled.withheld.extend(withheld);
    for set in &corpus.aside.unmatched {
        check_name(&set.name)?;
        link_tree(&target.root.join(&set.name), &staging.join(UNMATCHED).join(&set.name))?;
        elsewhere.push(set.name.clone());
    }
    corpus.facesets = sets.iter().map(|set| FacesetSummary::of(set, &set.name)).collect();
    corpus.runs.push(Run {
        command: plan.command.clone(),
        made_by: plan.made_by.clone(),
        parameters,
        facesets: corpus.facesets.iter().map(|set| set.name.clone()).collect(),
    });
    corpus.names_stay_inside()?;
    Corpus { manifest: corpus, sets, thin: Vec::new() }.write(staging)?;
    Ok(elsewhere)
}

/// The sets that `withhold` would not hand out, by name and the faces that show their persons (rows of the
/// gallery).
pub(super) fn withheld(
    adoption: &Adoption,
    index: &FaceIndex,
    withhold: impl Fn(&str, &BTreeSet<usize>) -> Option<Withheld>,
) -> Vec<Withheld> {
    adoption.sets.iter().filter_map(|set| withhold(&set.name, &person(set, index))).collect()
}

/// The rows of the faces that show the person of a set, handed out or not.
fn person(set: &AdoptedSet, index: &FaceIndex) -> BTreeSet<usize> {
    let left_out = set.dropped.iter().filter(|drop| !drop.reason.speaks_against_person());
    let faces = set.faces.iter().map(|crop| &crop.face).chain(left_out.map(|drop| &drop.face));
    faces.filter_map(|face| index.row(&face.sha256, face.bbox)).collect()
}

/// How later additions are exported: as the old crops were, as far as these tell.
fn parameters(set: &AdoptedSet) -> ExportParameters {
    ExportParameters { out_size: set.out_size, top_n: set.top_n, ..ExportParameters::default() }
}

/// A set of which no crop is fit for use.
fn set_aside(set: &AdoptedSet) -> SetAside {
    SetAside {
        name: set.name.clone(),
        label: set.label.clone(),
        images: set.faces.len(),
        merged_into: None,
        present: true,
        summary: None,
    }
}

/// The crops of a set after somebody has looked at them.
struct Looked<'a> {
    /// Those that stay, in their order.
    stays: Vec<Stays<'a>>,
    /// Files of those that do not show one face that is like their set.
    left_out: Vec<&'a str>,
    /// The same, for the manifest.
    dropped: Vec<DroppedFace>,
    /// Those that nobody can look at.
    unseen: Vec<Unmatched>,
}

struct Stays<'a> {
    file: &'a str,
    face: PlannedFace,
    png: Sha256Digest,
    reading: Option<Reading>,
}

impl<'a> Looked<'a> {
    fn new(set: &'a AdoptedSet, crops: &[KeptCrop], verdicts: Vec<Verdict>) -> Self {
        let mut looked =
            Self { stays: Vec::new(), left_out: Vec::new(), dropped: Vec::new(), unseen: Vec::new() };
        for ((adopted, crop), verdict) in set.faces.iter().zip(crops).zip(verdicts) {
            let file = adopted.file.as_str();
            match verdict {
                Verdict::Stays(png, reading) => {
                    looked.stays.push(Stays { file, face: crop.face, png, reading });
                }
                Verdict::LeftOut(reason) => {
                    looked.left_out.push(file);
                    looked.dropped.push(DroppedFace { face: adopted.face.clone(), reason });
                }
                Verdict::Unseen => looked.unseen.push(Unmatched {
                    file: Some(file.to_owned()),
                    source: Some(adopted.face.path.clone()),
                    bbox: Some(adopted.face.bbox),
                    why: Mismatch::Unreadable,
                }),
            }
        }
        looked
    }
}

struct Builder<'a> {
    building: Building<'a>,
    view: &'a View,
}

impl Builder<'_> {
    /// Gives everything in a set a second name in its new folder; returns its crops.
    fn stage(&self, set: &AdoptedSet) -> Result<Vec<KeptCrop>, ApplyError> {
        let names = [Some(&set.name), set.label.as_ref(), set.marker.as_ref()];
        let files = set.faces.iter().map(|crop| &crop.file).chain(&set.pinned);
        names.into_iter().flatten().chain(files).try_for_each(|name| check_name(name))?;
        set.beside.iter().try_for_each(|name| check_inside(name))?;
        let (old, home) = (self.building.target.root.join(&set.name), self.building.staging.join(&set.name));
        let (old_faces, new_faces) = (old.join(FACES), home.join(FACES));
        fs::create_dir_all(&new_faces).map_err(at(&new_faces))?;
        for crop in &set.faces {
            link(&old_faces.join(&crop.file), &new_faces.join(&crop.file))?;
        }
        // What lies in folders beside the crops, as those that were dropped, stays there, and so does what is
        // none of ours.
        let is_strange = |name: &OsStr| is_litter(name) || name.to_str().is_none();
        for (from, to) in [(&old_faces, &new_faces), (&old, &home)] {
            for entry in fs::read_dir(from).map_err(at(from))? {
                let path = entry.map_err(at(from))?.path();
                let Some(name) = path.file_name() else { continue };
                if is_strange(name) || (*from == old_faces && path.is_dir()) {
                    link_tree(&path, &to.join(name))?;
                }
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
        let gallery = &self.view.gallery;
        let pad_ratio = parameters(set).pad_ratio;
        let crop = |crop: &AdoptedCrop| {
            let row = self.view.index.row(&crop.face.sha256, crop.face.bbox);
            let face = row.ok_or_else(|| ApplyError::UnknownFace {
                set: set.name.clone(),
                path: crop.face.path.clone(),
            })?;
            let quality = QualityTerms::of(&gallery.faces[face]);
            Ok(KeptCrop { face: PlannedFace { face, quality, pad_ratio }, path: new_faces.join(&crop.file) })
        };
        set.faces.iter().map(crop).collect()
    }

    /// Puts the crops aside that do not stay, then writes bundles and manifest.
    fn finish(
        &self,
        set: &AdoptedSet,
        looked: &Looked<'_>,
        certificate: Certificate,
    ) -> Result<FacesetManifest, ApplyError> {
        let home = self.building.staging.join(&set.name);
        let faces = home.join(FACES);
        let unseen = looked.unseen.iter().filter_map(|entry| entry.file.as_deref());
        let leaving = looked.left_out.iter().map(|file| (DROPPED, *file));
        for (folder, file) in leaving.chain(unseen.map(|file| (UNMATCHED, file))) {
            let path = faces.join(file);
            move_to(&path, &faces.join(folder), file)?;
            fs::remove_file(&path).map_err(at(&path))?;
        }
        let mut manifest = self.manifest(set, looked, certificate, self.bundles(set, looked, &home)?);
        let (monitor, consent) = (self.building.workshop.monitor, &self.view.consent);
        let person = manifest.person(&self.view.index);
        let said = consent.consent(&person);
        if said.is_amiss() {
            monitor.problem(&set.name, &said.to_string());
        }
        manifest.consent = Some(said);
        manifest.provenance = consent.terms(&person);
        manifest::write(&home, &manifest)?;
        Ok(manifest)
    }

    fn bundles(
        &self,
        set: &AdoptedSet,
        looked: &Looked<'_>,
        home: &Path,
    ) -> Result<Vec<BundleRecord>, ApplyError> {
        let mut rows: Vec<usize> = looked.stays.iter().map(|crop| crop.face.face).collect();
        rows.sort_unstable();
        let centroid = centroid(&self.view.gallery.embeddings, &rows);
        let label = set.label.as_ref().unwrap_or(&set.name);
        let bundle = |(suffix, count): (String, usize)| {
            let file = format!("{label}_{suffix}.fsz");
            let crops = &looked.stays[..count.min(looked.stays.len())];
            let files = crops.iter().map(|crop| format!("{FACES}/{}", crop.file)).collect();
            let record = bundle::write_recorded(home, file, files).map_err(at(home))?;
            let readings = crops.iter().map(|crop| crop.reading.as_ref());
            Ok(BundleRecord { effective_identity_cosine: identity_cosine(readings, &centroid), ..record })
        };
        [(format!("top{}", set.top_n), set.top_n), ("all".to_owned(), usize::MAX)]
            .into_iter()
            .map(bundle)
            .collect()
    }

    fn manifest(
        &self,
        set: &AdoptedSet,
        looked: &Looked<'_>,
        certificate: Certificate,
        bundles: Vec<BundleRecord>,
    ) -> FacesetManifest {
        let gallery = &self.view.gallery;
        let face = |crop: &Stays<'_>| {
            ExportedFace::new(gallery, &crop.face, format!("{FACES}/{}", crop.file), crop.png)
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
        FacesetManifest {
            parent: None,
            era: None,
            schema: FACESET_SCHEMA.to_owned(),
            name: set.name.clone(),
            label: set.label.clone(),
            marker: set.marker.clone(),
            origin: Origin { kind: set.origin, run: 1 },
            contract: gallery.contract.clone(),
            parameters: parameters(set),
            certificate,
            consent: None,
            provenance: None,
            bundles,
            formats: Vec::new(),
            gender_age: None,
            faces: looked.stays.iter().map(face).collect(),
            dropped: set.dropped.iter().map(dropped).chain(looked.dropped.iter().cloned()).collect(),
            unmatched: set.unmatched.iter().chain(&looked.unseen).cloned().collect(),
            beside: set.beside.clone(),
        }
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
