//! Looks at bundles and crops as the tools will that they are for.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use facesets_base::exit::{Failure, Hint};
use facesets_corpus::{
    certificate::{Ask, Examine as _, Examiner},
    export::manifest::FacesetManifest,
    inspection::{Inspected, Subject, judge, look, subjects},
};
use facesets_library::store::Store;
use facesets_people::{cluster::centroid, gallery::FaceIndex};
use facesets_workers::selection::WorkerOptions;
use ndarray::Array1;
use serde::Serialize;

use crate::pass::{Session, changing::refuse_waiting, examining::det_size_of};

/// What is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Corpora, sets, bundles, folders of PNGs or PNGs.
    pub(crate) paths: Vec<PathBuf>,
    /// Pixels on a side of each crop, where no manifest says it.
    pub(crate) out_size: u32,
    /// Who looks; at the detector size of the contract that a manifest names.
    pub(crate) workers: WorkerOptions,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) crops: usize,
    pub(crate) findings: usize,
    pub(crate) inspected: Vec<Inspected>,
}

/// Nothing to look at.
#[derive(Debug, thiserror::Error)]
#[error("there is no bundle and no PNG in {}", names(.0))]
struct Nothing(Vec<PathBuf>);

impl Hint for Nothing {
    fn hint(&self) -> Option<String> {
        Some("name a corpus, a faceset, a `.fsz` or a folder of PNGs".to_owned())
    }
}

/// Runs the pass.
pub(crate) fn run(options: &Options, session: &Session<'_>) -> Result<Report, Failure> {
    let mut all = Vec::new();
    for path in &options.paths {
        refuse_waiting(path, session.waiting)?;
        all.extend(subjects(path, options.out_size, session.stop)?);
    }
    if all.is_empty() {
        return Err(Nothing(options.paths.clone()).into());
    }
    let contract = all.iter().find_map(|subject| Some(subject.set.as_ref()?.contract.as_str()));
    let workers = WorkerOptions { det_size: det_size_of(contract), ..options.workers.clone() };
    let examiner = Examiner::start(&workers, session.library, Ask::Faces, session.stop, session.monitor)?;
    let centroids = centroids(&all, &examiner.contract(), session);
    let readings = look(&all, &examiner)?;
    drop(examiner);

    let centroid_of = |subject: &Subject| subject.set.as_ref().and_then(|set| centroids.get(&key(set)));
    let inspected: Vec<Inspected> =
        all.iter().map(|subject| judge(subject, &readings, centroid_of(subject))).collect();
    let findings = inspected.iter().map(|inspected| inspected.findings.len()).sum();
    Ok(Report { crops: readings.len(), findings, inspected })
}

/// The centroids of the sets whose faces the library has under the contract of the workers; what is missing
/// is said once.
fn centroids(subjects: &[Subject], contract: &str, session: &Session<'_>) -> HashMap<usize, Array1<f32>> {
    let sets: Vec<&Arc<FacesetManifest>> = subjects
        .iter()
        .filter_map(|subject| subject.set.as_ref())
        .filter(|set| set.contract == contract)
        .collect();
    if sets.is_empty() {
        return HashMap::new();
    }
    let gallery = match Store::open_read(session.library).and_then(|store| store.gallery(Some(contract))) {
        Ok(gallery) => gallery,
        Err(error) => {
            session.monitor.note(&format!("no centroids to compare with: {error}"));
            return HashMap::new();
        }
    };
    let index = FaceIndex::new(&gallery);
    let known = |set: &Arc<FacesetManifest>| {
        let rows = set.rows(&index);
        (!rows.is_empty()).then(|| (key(set), centroid(&gallery.embeddings, &rows)))
    };
    sets.into_iter().filter_map(known).collect()
}

/// Which manifest, among those that were read.
fn key(set: &Arc<FacesetManifest>) -> usize {
    Arc::as_ptr(set).addr()
}

fn names(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}
