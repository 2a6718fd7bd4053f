//! What can be derived is made again: crops from bundles or photos, bundles from crops, the manifest over all
//! from those of the sets.
//!
//! Nothing is taken on trust: what is put in place has the very digest that the set's manifest names. What
//! nothing vouches for stays as it is and remains a finding, and so does what cannot be read for the moment,
//! is not understood, or lies behind a link. Whatever is replaced is kept (`Shelf`): somebody may have
//! changed it on purpose.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use facesets_base::{
    file,
    layout::{MANIFEST, PAGE, THIN},
    monitor::Monitor,
};
use facesets_core::Sha256Digest;
use facesets_library::{originals as photo, store::Store};
use facesets_people::view::View;
use tokio_util::sync::CancellationToken;

use super::{
    Repaired, VerifyError, names,
    shelf::{Shelf, State},
};
use crate::{
    certificate::consumer,
    export::{
        bundle, contact_sheet,
        corpus::Corpus,
        crop::square_crop,
        formats::{Extras, Subject},
        manifest::{
            BundleRecord, CorpusManifest, ExportedFace, FacesetManifest, FacesetSummary, FormatRecord,
        },
        png,
    },
    manifest::{self, ManifestError},
};

/// Repairs the manifest over all of a corpus, from those of its sets: where it is not there or torn, or says
/// something else of a set than that says itself. One that is whole and not understood is somebody's, a newer
/// version's for example, and one that cannot be read may be whole.
pub fn manifest_over_all(root: &Path, monitor: &dyn Monitor) -> Result<Repaired, VerifyError> {
    let before = manifest_that_may_go(root)?;
    let mut sets = Vec::new();
    for name in names(root)?.ours {
        if name.starts_with(['_', '.']) {
            continue;
        }
        match manifest::read::<FacesetManifest>(&root.join(&name)) {
            Ok(set) if set.name == name => sets.push(set),
            Ok(_) => {}
            Err(error) if before.is_some() || is_no_set(&error) => {}
            // It would be missing from the list of all, and its number free.
            Err(error) => return Err(error.into()),
        }
    }
    let mut shelf = Shelf::new(root);
    let Some(first) = sets.first() else { return Ok(shelf.repaired) };
    let mut corpus = before.clone().unwrap_or_else(|| {
        monitor.note(
            "the manifest over all is made again from the sets: which numbers are taken by sets that are not there, the list of \
             runs and what lies aside are lost",
        );
        CorpusManifest {
            facesets: sets.iter().map(|set| FacesetSummary::of(set, &set.name)).collect(),
            ..CorpusManifest::empty(first.contract.clone(), first.parameters)
        }
    });
    for summary in &mut corpus.facesets {
        let set = sets.iter().find(|set| set.name == summary.name);
        // Sets of earlier versions do not name their bundles.
        if let Some(set) = set.filter(|set| !set.bundles.is_empty()) {
            *summary = FacesetSummary::of(set, &set.name);
        }
    }
    if before.as_ref() != Some(&corpus) {
        let path = root.join(MANIFEST);
        shelf.put(MANIFEST, &manifest::bytes(&corpus).map_err(at(&path))?)?;
    }
    Ok(shelf.repaired)
}

/// The manifest over all; `None` where there is none, or bytes that are no JSON: only then it may be made
/// again.
fn manifest_that_may_go(root: &Path) -> Result<Option<CorpusManifest>, VerifyError> {
    let path = root.join(MANIFEST);
    let bytes = match manifest::read_bytes(root) {
        Err(ManifestError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes?,
    };
    match manifest::parse(&path, &bytes) {
        Ok(corpus) => Ok(Some(corpus)),
        Err(_) if serde_json::from_slice::<serde_json::Value>(&bytes).is_err() => Ok(None),
        Err(error) => Err(VerifyError::NotUnderstood(error)),
    }
}

/// Whether there is no manifest, so that a folder is no set.
fn is_no_set(error: &ManifestError) -> bool {
    let ManifestError::Io { source, .. } = error else { return false };
    matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Repairs the files of every set of a corpus.
pub fn files(
    root: &Path,
    store: &Store,
    view: &View,
    monitor: &dyn Monitor,
    stop: &CancellationToken,
) -> Result<Repaired, VerifyError> {
    let corpus: CorpusManifest = manifest::read(root)?;
    let mut shelf = Shelf::new(root);
    let thin = corpus.thin().map(|set| format!("{THIN}/{}", set.name));
    let sets: Vec<String> = corpus.facesets.iter().map(|set| set.name.clone()).chain(thin).collect();
    monitor.start("repair", Some(sets.len() as u64));
    for name in sets {
        let home = root.join(&name);
        if let Ok(set) = manifest::read::<FacesetManifest>(&home) {
            let workbench = Workbench { home: &home, name: &name, set: &set, store, view, stop };
            workbench.repair(&mut shelf)?;
        }
        monitor.advance(1);
    }
    monitor.finish();
    if State::of(&root.join(PAGE), None) == State::Missing
        && let Ok(corpus) = Corpus::read(root)
    {
        shelf.put(PAGE, contact_sheet::page(&corpus.manifest, &corpus.sets).as_bytes())?;
    }
    Ok(shelf.repaired)
}

/// A set, and what it can be repaired from.
struct Workbench<'a> {
    home: &'a Path,
    /// Where it lies in the corpus.
    name: &'a str,
    set: &'a FacesetManifest,
    store: &'a Store,
    view: &'a View,
    stop: &'a CancellationToken,
}

impl Workbench<'_> {
    /// Crops first, since bundles are made of them.
    fn repair(&self, shelf: &mut Shelf<'_>) -> Result<(), VerifyError> {
        let place = |file: &str| format!("{}/{file}", self.name);
        for face in &self.set.faces {
            let Some(wanted) = &face.png_sha256 else { continue };
            if !self.may_be_made(&face.file, Some(wanted))? {
                continue;
            }
            let is_it = |bytes: &Vec<u8>| Sha256Digest::of(bytes).to_string() == *wanted;
            let bytes = self.unpacked(&face.file, wanted).or_else(|| self.cut_again(face)).filter(is_it);
            if let Some(bytes) = bytes {
                shelf.put(&place(&face.file), &bytes)?;
            }
        }
        for record in &self.set.bundles {
            if self.may_be_made(&record.file, Some(&record.sha256))? {
                self.pack_again(record, shelf)?;
            }
        }
        for record in &self.set.formats {
            if self.may_be_made(&record.file, Some(&record.sha256))?
                && let Some(bytes) = self.formatted(record)
            {
                shelf.put(&place(&record.file), &bytes)?;
            }
        }
        if let Some(marker) = &self.set.marker {
            let file = format!("{marker}.txt");
            if self.may_be_made(&file, None)? {
                shelf.put(&place(&file), format!("{marker}\n").as_bytes())?;
            }
        }
        Ok(())
    }

    /// Whether a file of the set is not there, or can be read and is another than the one `wanted`.
    fn may_be_made(&self, file: &str, wanted: Option<&str>) -> Result<bool, VerifyError> {
        if self.stop.is_cancelled() {
            return Err(VerifyError::Stopped);
        }
        Ok(matches!(State::of(&self.home.join(file), wanted), State::Missing | State::Other))
    }

    /// The bytes of a crop from a bundle that has them unharmed.
    fn unpacked(&self, file: &str, wanted: &str) -> Option<Vec<u8>> {
        let holds = |record: &&BundleRecord| record.crops.iter().any(|crop| crop == file);
        self.set.bundles.iter().filter(holds).find_map(|record| {
            let contents =
                consumer::bundle(&self.home.join(&record.file), self.set.parameters.out_size, self.stop)
                    .ok()?;
            let crop = contents.crops.into_iter().find(|crop| crop.sha256.to_string() == wanted)?;
            crop.place.read().ok()
        })
    }

    /// The file of another tool, made again, if it comes out as it was.
    fn formatted(&self, record: &FormatRecord) -> Option<Vec<u8>> {
        let row = |face: &ExportedFace| self.view.index.row(&face.sha256, face.bbox);
        let rows = self.set.faces.iter().map(row).collect::<Option<Vec<usize>>>()?;
        let best = file::read(&self.home.join(&self.set.faces.first()?.file)).ok()?;
        let name = self.set.label.as_ref().unwrap_or(&self.set.name);
        let formats = BTreeSet::from([record.format]);
        let extras =
            Extras::read(self.store, &self.view.gallery, &formats, rows.first().copied().into_iter()).ok()?;
        let subject = Subject {
            gallery: &self.view.gallery,
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
        let row = self.view.index.row(&face.sha256, face.bbox)?;
        let photo = photo::load(self.view.gallery.content_of(row)).ok()?;
        let bbox = &self.view.gallery.faces[row].bbox;
        let crop = square_crop(&photo, bbox, face.pad_ratio, self.set.parameters.out_size).ok()?;
        Some(png::encode(&crop))
    }

    /// Puts a bundle of the crops that are there in place, if it is the one that the manifest names.
    fn pack_again(&self, record: &BundleRecord, shelf: &mut Shelf<'_>) -> Result<(), VerifyError> {
        let crops: Vec<PathBuf> = record.crops.iter().map(|crop| self.home.join(crop)).collect();
        if !crops.iter().all(|crop| crop.is_file()) {
            return Ok(());
        }
        let aside = tempfile::tempdir_in(self.home).map_err(at(self.home))?;
        let made = aside.path().join("bundle");
        bundle::write(&made, &crops).map_err(at(&made))?;
        if State::of(&made, Some(&record.sha256)) == State::Sound {
            shelf.put_file(&format!("{}/{}", self.name, record.file), &made)?;
        }
        Ok(())
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> VerifyError + '_ {
    move |source| VerifyError::Io { path: path.to_owned(), source }
}
