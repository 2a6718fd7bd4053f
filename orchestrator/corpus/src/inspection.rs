//! Bundles and crops that are there already, from wherever they come: found, read, looked at, judged.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use facesets_base::exit::{Exit, Hint};
use facesets_core::Sha256Digest;
use facesets_library::store::Finding;
use facesets_workers::dispatch::{Load, Work};
use ndarray::Array1;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use walkdir::WalkDir;

use crate::{
    certificate::{
        ExamineError, Examiner, Reading, Readings,
        consumer::{self, Contents, CropBytes},
        cosine_to, effective_identity,
    },
    export::manifest::FacesetManifest,
    manifest,
};

/// A bundle, a folder of crops or a crop.
#[derive(Debug)]
pub struct Subject {
    /// Where it is.
    pub path: PathBuf,
    /// What a consumer reads from it.
    pub contents: Contents,
    /// The set that it belongs to, if that has a manifest.
    pub set: Option<Arc<FacesetManifest>>,
}

/// What became of a [`Subject`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspected {
    /// Where it is.
    pub path: PathBuf,
    /// Crops that a consumer reads from it.
    pub crops: usize,
    /// Cosine similarity of the identity that consumers average from it to the set's centroid; `None` where
    /// one of them is not known.
    pub effective_identity_cosine: Option<f32>,
    /// What is wrong with it; nothing where it is fit for use.
    pub findings: Vec<Finding>,
}

/// A path that cannot be inspected.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{path}`: {source}")]
pub struct Unreadable {
    /// What.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Everything below `path` that a consumer would take: bundles, and folders with PNGs. Quarantines and the
/// like, whose names begin with `_` or `.`, are left out unless `path` itself is one. Crops should have
/// `side` pixels where no manifest says otherwise.
pub fn subjects(path: &Path, side: u32, stop: &CancellationToken) -> Result<Vec<Subject>, Unreadable> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| Unreadable { path, source }
    };
    if !path.is_dir() {
        std::fs::metadata(path).map_err(at(path))?;
        let set = path.parent().and_then(set_of);
        return Ok(vec![one(path, side, set, stop).map_err(at(path))?]);
    }
    let mut found = Vec::new();
    let is_hidden = |name: &str| name.starts_with(['_', '.']);
    let walk = WalkDir::new(path).min_depth(0).sort_by_file_name().into_iter();
    let walk =
        walk.filter_entry(|entry| entry.depth() == 0 || !is_hidden(&entry.file_name().to_string_lossy()));
    for entry in walk {
        if stop.is_cancelled() {
            return Err(at(path)(io::ErrorKind::Interrupted.into()));
        }
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(path).to_owned();
            Unreadable { path, source: error.into() }
        })?;
        let here = entry.path();
        if entry.file_type().is_dir() {
            if let Some(set) = set_of(here) {
                // What lies beside its manifest are single pictures, each of them for itself: `best.png`.
                let pngs = consumer::pngs(here).map_err(at(here))?;
                for name in pngs {
                    let picture = here.join(&name);
                    found.push(one(&picture, side, Some(Arc::clone(&set)), stop).map_err(at(&picture))?);
                }
                continue;
            }
            let set = here.parent().and_then(set_of);
            let side = set.as_ref().map_or(side, |set| set.parameters.out_size);
            let contents = consumer::folder(here, side, stop).map_err(at(here))?;
            if !contents.crops.is_empty() {
                found.push(Subject { path: here.to_owned(), contents, set });
            }
        } else if here.extension().is_some_and(|extension| extension == "fsz") {
            found.push(one(here, side, here.parent().and_then(set_of), stop).map_err(at(here))?);
        }
    }
    Ok(found)
}

/// A single file: a bundle, unless it is a PNG. An error says that somebody asked to stop.
fn one(
    path: &Path,
    side: u32,
    set: Option<Arc<FacesetManifest>>,
    stop: &CancellationToken,
) -> io::Result<Subject> {
    let side = set.as_ref().map_or(side, |set| set.parameters.out_size);
    let contents = if path.extension().is_some_and(|extension| extension == "png") {
        consumer::file(path, side)
    } else {
        match consumer::bundle(path, side, stop) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let fault = (String::new(), format!("is no bundle: {error}"));
                Contents { crops: Vec::new(), faults: vec![fault] }
            }
            Ok(contents) => contents,
        }
    };
    Ok(Subject { path: path.to_owned(), contents, set })
}

fn set_of(folder: &Path) -> Option<Arc<FacesetManifest>> {
    manifest::read(folder).ok().map(Arc::new)
}

/// Has every distinct crop of the subjects looked at once.
pub fn look(subjects: &[Subject], examiner: &Examiner<'_>) -> Result<Readings, ExamineError> {
    let crops = subjects.iter().flat_map(|subject| &subject.contents.crops);
    let places: HashMap<Sha256Digest, (CropBytes, u64)> =
        crops.map(|crop| (crop.sha256, (crop.place.clone(), crop.bytes))).collect();
    let mut work: Vec<Work> = places.iter().map(|(sha256, (_, bytes))| Work::new(*sha256, *bytes)).collect();
    work.sort_by_key(|work| work.sha256);
    let load: Load = Arc::new(move |sha256| {
        let (place, _) = places.get(sha256).ok_or("nobody knows where it is")?;
        place.read().map(Into::into).map_err(|error| error.to_string())
    });
    examiner.look(work, load)
}

/// Judges a subject by what was seen in its crops; `centroid` is that of its set.
pub fn judge(subject: &Subject, readings: &Readings, centroid: Option<&Array1<f32>>) -> Inspected {
    let faults = subject.contents.faults.iter();
    let mut findings: Vec<Finding> = faults.map(|(what, problem)| finding(what, problem.clone())).collect();
    let mut seen: Vec<&Reading> = Vec::new();
    for crop in &subject.contents.crops {
        match readings.get(&crop.sha256) {
            Some(Ok(reading)) => {
                seen.push(reading);
                findings.extend(reading.fault().map(|fault| finding(&crop.name, format!("shows {fault}"))));
            }
            Some(Err(reason)) => findings.push(finding(&crop.name, reason.clone())),
            None => findings.push(finding(&crop.name, "was not looked at".to_owned())),
        }
    }
    let identity = effective_identity(seen);
    Inspected {
        path: subject.path.clone(),
        crops: subject.contents.crops.len(),
        effective_identity_cosine: centroid
            .zip(identity)
            .map(|(centroid, identity)| cosine_to(centroid, &identity)),
        findings,
    }
}

fn finding(what: &str, problem: String) -> Finding {
    Finding { what: what.to_owned(), problem }
}

impl Hint for Unreadable {
    fn exit(&self) -> Exit {
        let stopped = self.source.kind() == io::ErrorKind::Interrupted;
        if stopped { Exit::Interrupted } else { Exit::CannotContinue }
    }
}
