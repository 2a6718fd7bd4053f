//! `facesets certify PATH…`: looks at bundles and crops as the tools will that they are for.

use std::{collections::HashMap, fmt, path::PathBuf, sync::Arc};

use facesets_base::{
    exit::{Exit, Failure, Hint},
    monitor::Monitor as _,
};
use facesets_corpus::{
    certificate::{Ask, Examine as _, Examiner},
    export::{OUT_SIZES, manifest::FacesetManifest},
    inspection::{Inspected, Subject, judge, look, subjects},
};
use facesets_library::store::Store;
use facesets_people::{cluster::centroid, gallery::FaceIndex};
use ndarray::Array1;
use serde::Serialize;

use super::{
    Context,
    changing::refuse_waiting,
    clustering::CtrlC,
    worker_args::{ReachArgs, det_size_of},
};

/// Flags of `certify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Corpora, sets, bundles (`.fsz`), folders of PNGs or PNGs, also of other programs; what begins with `_`
    /// or `.` below them is left out
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Pixels on a side of each crop, where no manifest says it
    #[arg(long, value_name = "PIXELS", default_value_t = 512,
          value_parser = clap::value_parser!(u32).range(OUT_SIZES))]
    out_size: u32,
    #[command(flatten)]
    workers: ReachArgs,
}

#[derive(Debug, Serialize)]
struct Summary {
    crops: usize,
    findings: usize,
    inspected: Vec<Inspected>,
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

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let mut all = Vec::new();
    for path in &args.paths {
        refuse_waiting(path, &context.waiting)?;
        all.extend(subjects(path, args.out_size, &ctrl_c.stop)?);
    }
    if all.is_empty() {
        return Err(Nothing(args.paths.clone()).into());
    }
    let contract = all.iter().find_map(|subject| Some(subject.set.as_ref()?.contract.as_str()));
    let options = args.workers.options(det_size_of(contract));
    let examiner = Examiner::start(&options, &context.library, Ask::Faces, &ctrl_c.stop, context.monitor())?;
    let centroids = centroids(&all, &examiner.contract(), context);
    let readings = look(&all, &examiner)?;
    drop(examiner);

    let centroid_of = |subject: &Subject| subject.set.as_ref().and_then(|set| centroids.get(&key(set)));
    let inspected: Vec<Inspected> =
        all.iter().map(|subject| judge(subject, &readings, centroid_of(subject))).collect();
    let findings = inspected.iter().map(|inspected| inspected.findings.len()).sum();
    context.ui.summary(&Summary { crops: readings.len(), findings, inspected })?;
    Ok(if findings == 0 { Exit::Done } else { Exit::SomeFailed })
}

/// The centroids of the sets whose faces the library has under the contract of the workers; what is missing
/// is said once.
fn centroids(subjects: &[Subject], contract: &str, context: &Context) -> HashMap<usize, Array1<f32>> {
    let sets: Vec<&Arc<FacesetManifest>> = subjects
        .iter()
        .filter_map(|subject| subject.set.as_ref())
        .filter(|set| set.contract == contract)
        .collect();
    if sets.is_empty() {
        return HashMap::new();
    }
    let gallery = match Store::open_read(&context.library).and_then(|store| store.gallery(Some(contract))) {
        Ok(gallery) => gallery,
        Err(error) => {
            context.ui.note(&format!("no centroids to compare with: {error}"));
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

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Inspected { path, crops, effective_identity_cosine, findings } in &self.inspected {
            for finding in findings {
                let within = if finding.what.is_empty() { "" } else { ": " };
                writeln!(f, "{}{within}{} {}", path.display(), finding.what, finding.problem)?;
            }
            if findings.is_empty() {
                write!(f, "{}: {crops} crops, one face in each", path.display())?;
                match effective_identity_cosine {
                    Some(cosine) => writeln!(f, ", effective identity at cosine {cosine} to the centroid")?,
                    None => writeln!(f)?,
                }
            }
        }
        write!(f, "{} distinct crops looked at, {} findings", self.crops, self.findings)
    }
}
