//! What can be derived is made again: crops from bundles or photos, bundles from crops, the manifest over all from those of the sets.
//!
//! Nothing is taken on trust: what is put in place has the very digest that the set's manifest names. What nothing vouches for stays as it is
//! and remains a finding.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use facesets_core::Sha256Digest;

use super::{VerifyError, names};
use crate::{
    certificate::consumer,
    export::{
        bundle,
        contact_sheet::{self, PAGE},
        corpus::Corpus,
        crop::square_crop,
        formats::{Extras, Subject},
        manifest::{
            BundleRecord, CorpusManifest, ExportedFace, FacesetManifest, FacesetSummary, FormatRecord, THIN,
        },
        png,
    },
    gallery::{FaceIndex, Gallery},
    manifest::{self, FILE_NAME},
    monitor::Monitor,
    photo,
    source::file,
    store::Store,
};

/// Name of what is being written, beside its place.
const PARTIAL: &str = ".partial-repair";

/// Repairs the manifest over all of a corpus, from those of its sets: where it cannot be read, or says something else of a set than that says
/// itself. Returns what was repaired.
pub fn manifest_over_all(root: &Path, monitor: &dyn Monitor) -> Result<Vec<String>, VerifyError> {
    let mut sets = Vec::new();
    for name in names(root)? {
        if name.starts_with(['_', '.']) {
            continue;
        }
        if let Ok(set) = manifest::read::<FacesetManifest>(&root.join(&name))
            && set.name == name
        {
            sets.push(set);
        }
    }
    let there = manifest::read::<CorpusManifest>(root);
    let Some(first) = sets.first() else { return Ok(Vec::new()) };
    let before = there.as_ref().ok().cloned();
    let mut corpus = match there {
        Ok(corpus) => corpus,
        Err(error) => {
            monitor.note(&format!(
                "{error}; it is made again from the sets: which numbers are taken by sets that are not there, the list of runs and what lies aside are lost"
            ));
            CorpusManifest {
                facesets: sets.iter().map(|set| FacesetSummary::of(set, &set.name)).collect(),
                ..CorpusManifest::empty(first.contract.clone(), first.parameters)
            }
        }
    };
    for summary in &mut corpus.facesets {
        let set = sets.iter().find(|set| set.name == summary.name);
        // Sets of earlier versions do not name their bundles.
        if let Some(set) = set.filter(|set| !set.bundles.is_empty()) {
            *summary = FacesetSummary::of(set, &set.name);
        }
    }
    if before.as_ref() == Some(&corpus) {
        return Ok(Vec::new());
    }
    let path = root.join(FILE_NAME);
    put(&path, &manifest::bytes(&corpus).map_err(at(&path))?)?;
    Ok(vec![FILE_NAME.to_owned()])
}

/// Repairs the files of every set of a corpus. Returns what was repaired.
pub fn files(
    root: &Path,
    store: &Store,
    gallery: &Gallery,
    monitor: &dyn Monitor,
) -> Result<Vec<String>, VerifyError> {
    let corpus: CorpusManifest = manifest::read(root)?;
    let index = FaceIndex::new(gallery);
    let mut repaired = Vec::new();
    let thin = corpus.thin().map(|set| format!("{THIN}/{}", set.name));
    let sets: Vec<String> = corpus.facesets.iter().map(|set| set.name.clone()).chain(thin).collect();
    monitor.start("repair", Some(sets.len() as u64));
    for name in sets {
        let home = root.join(&name);
        if let Ok(set) = manifest::read::<FacesetManifest>(&home) {
            let workbench = Workbench { home: &home, set: &set, store, gallery, index: &index };
            repaired.extend(workbench.repair()?.into_iter().map(|file| format!("{name}/{file}")));
        }
        monitor.advance(1);
    }
    monitor.finish();
    let page = root.join(PAGE);
    if !page.exists()
        && let Ok(corpus) = Corpus::read(root)
    {
        put(&page, contact_sheet::page(&corpus.manifest, &corpus.sets).as_bytes())?;
        repaired.push(PAGE.to_owned());
    }
    Ok(repaired)
}

/// A set, and what it can be repaired from.
struct Workbench<'a> {
    home: &'a Path,
    set: &'a FacesetManifest,
    store: &'a Store,
    gallery: &'a Gallery,
    index: &'a FaceIndex,
}

impl Workbench<'_> {
    /// Crops first, since bundles are made of them.
    fn repair(&self) -> Result<Vec<String>, VerifyError> {
        let mut repaired = Vec::new();
        for face in &self.set.faces {
            let Some(wanted) = &face.png_sha256 else { continue };
            let path = self.home.join(&face.file);
            if digest_of(&path).as_ref() == Some(wanted) {
                continue;
            }
            let is_it = |bytes: &Vec<u8>| Sha256Digest::of(bytes).to_string() == *wanted;
            let bytes = self.unpacked(&face.file, wanted).or_else(|| self.cut_again(face)).filter(is_it);
            if let Some(bytes) = bytes {
                put(&path, &bytes)?;
                repaired.push(face.file.clone());
            }
        }
        for record in &self.set.bundles {
            if digest_of(&self.home.join(&record.file)).as_ref() != Some(&record.sha256)
                && self.pack_again(record)?
            {
                repaired.push(record.file.clone());
            }
        }
        for record in &self.set.formats {
            let path = self.home.join(&record.file);
            if digest_of(&path).as_ref() != Some(&record.sha256)
                && let Some(bytes) = self.formatted(record)
            {
                put(&path, &bytes)?;
                repaired.push(record.file.clone());
            }
        }
        if let Some(marker) = &self.set.marker {
            let path = self.home.join(format!("{marker}.txt"));
            if !path.exists() {
                put(&path, format!("{marker}\n").as_bytes())?;
                repaired.push(format!("{marker}.txt"));
            }
        }
        Ok(repaired)
    }

    /// The bytes of a crop from a bundle that has them unharmed.
    fn unpacked(&self, file: &str, wanted: &str) -> Option<Vec<u8>> {
        let holds = |record: &&BundleRecord| record.crops.iter().any(|crop| crop == file);
        self.set.bundles.iter().filter(holds).find_map(|record| {
            let contents =
                consumer::bundle(&self.home.join(&record.file), self.set.parameters.out_size).ok()?;
            let crop = contents.crops.into_iter().find(|crop| crop.sha256.to_string() == wanted)?;
            crop.place.read().ok()
        })
    }

    /// The file of another tool, made again, if it comes out as it was.
    fn formatted(&self, record: &FormatRecord) -> Option<Vec<u8>> {
        let row = |face: &ExportedFace| self.index.row(&face.sha256, face.bbox);
        let rows = self.set.faces.iter().map(row).collect::<Option<Vec<usize>>>()?;
        let best = file::read(&self.home.join(&self.set.faces.first()?.file)).ok()?;
        let name = self.set.label.as_ref().unwrap_or(&self.set.name);
        let formats = BTreeSet::from([record.format]);
        let extras =
            Extras::read(self.store, self.gallery, &formats, rows.first().copied().into_iter()).ok()?;
        let subject = Subject {
            gallery: self.gallery,
            extras: &extras,
            name,
            faces: &self.set.faces,
            rows: &rows,
            best: &best,
            gender_age: self.set.gender_age.as_ref(),
        };
        let bytes = record.format.bytes(&subject).ok()?;
        (Sha256Digest::of(&bytes).to_string() == record.sha256).then_some(bytes)
    }

    /// The crop cut again from its photo.
    fn cut_again(&self, face: &ExportedFace) -> Option<Vec<u8>> {
        let row = self.index.row(&face.sha256, face.bbox)?;
        let photo = photo::load(self.gallery.content_of(row)).ok()?;
        let bbox = &self.gallery.faces[row].bbox;
        let crop = square_crop(&photo, bbox, face.pad_ratio, self.set.parameters.out_size).ok()?;
        Some(png::encode(&crop))
    }

    /// Whether a bundle of the crops that are there is the one that the manifest names; then it is put in place.
    fn pack_again(&self, record: &BundleRecord) -> Result<bool, VerifyError> {
        let crops: Vec<PathBuf> = record.crops.iter().map(|crop| self.home.join(crop)).collect();
        if !crops.iter().all(|crop| crop.is_file()) {
            return Ok(false);
        }
        let path = self.home.join(&record.file);
        let partial = partial_of(&path);
        // Left by a repair that was killed.
        let _ = fs::remove_file(&partial);
        let made = bundle::write(&partial, &crops).map_err(at(&partial));
        let fits = made.is_ok() && digest_of(&partial).as_ref() == Some(&record.sha256);
        if fits {
            File::open(&partial).and_then(|file| file.sync_all()).map_err(at(&partial))?;
            fs::rename(&partial, &path).map_err(at(&path))?;
        } else {
            fs::remove_file(&partial).map_err(at(&partial))?;
        }
        made.map(|()| fits)
    }
}

fn digest_of(path: &Path) -> Option<String> {
    file::digest(path).ok().map(|(digest, _)| digest.to_string())
}

/// Replaces a file as a whole.
fn put(path: &Path, bytes: &[u8]) -> Result<(), VerifyError> {
    let partial = partial_of(path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(at(parent))?;
    }
    fs::write(&partial, bytes)
        .and_then(|()| File::open(&partial)?.sync_all())
        .and_then(|()| fs::rename(&partial, path))
        .map_err(at(path))
}

fn partial_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PARTIAL);
    name.into()
}

fn at(path: &Path) -> impl Fn(io::Error) -> VerifyError + '_ {
    move |source| VerifyError::Io { path: path.to_owned(), source }
}
