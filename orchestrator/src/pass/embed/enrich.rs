//! Landmarks by the networks that the workers have now, for faces that were found with others. Faces, boxes
//! and embeddings stay as they are.

use std::sync::Arc;

use facesets_base::{exit::Exit, library::Library, monitor::Monitor};
use facesets_library::store::FileSystemPolicy;
use facesets_workers::{
    dispatch::Work,
    selection::{WorkerOptions, gather},
};

use super::{
    Attended, EmbedError, Summary,
    analyse::{Kept, analyse},
    attend, known_photos, open_library,
};

/// How to enrich.
#[derive(Debug, Clone)]
pub struct EnrichOptions {
    /// What to do on file systems that cannot be trusted.
    pub file_system: FileSystemPolicy,
    /// Who analyses.
    pub workers: WorkerOptions,
}

/// Sends every content again whose faces are under the workers' contract and whose landmarks are not, and
/// keeps the landmarks alone. What was done is in `summary`, also after an error.
pub fn enrich(
    options: &EnrichOptions,
    library: &Library,
    monitor: &Arc<dyn Monitor>,
    summary: &mut Summary,
) -> Result<Exit, EmbedError> {
    attend(monitor, summary, |run, summary| steps(options, library, run, summary))
}

fn steps(
    options: &EnrichOptions,
    library: &Library,
    run: &Attended<'_>,
    summary: &mut Summary,
) -> Result<(), EmbedError> {
    let Attended { runtime, interrupt, monitor } = *run;
    let committer = open_library(library, options.file_system, summary)?;
    let team = gather(&options.workers, library, runtime, &interrupt.stop, monitor)?;
    summary.introduce(&team);
    let contract = team.contract().to_string();
    let Some(landmarks) = team.landmarks_contract() else {
        monitor.note("the model pack has no networks for landmarks: there is nothing to bring");
        team.dismiss();
        return Ok(());
    };
    let found = committer.writer().store().with_other_landmarks(&contract, &landmarks)?;
    let photos = known_photos(found, summary);
    let work: Vec<Work> =
        photos.in_order().into_iter().map(|(sha256, photo)| Work::new(*sha256, photo.bytes)).collect();
    if work.is_empty() {
        team.dismiss();
        return Ok(());
    }
    analyse(work, photos, team, Kept::Landmarks, committer, runtime, interrupt, monitor, summary)
}
