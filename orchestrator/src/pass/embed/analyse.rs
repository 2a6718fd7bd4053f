//! Having the missing contents analysed, and committing what comes.

use std::{collections::HashMap, sync::Arc, thread};

use facesets_base::monitor::Monitor;
use facesets_core::{BBox, Face, FaceAnalysis, FaceContract, PixelDigest, Sha256Digest, wire::TaskResult};
use facesets_library::{
    originals::for_workers::Photos,
    store::{Committer, KILLS_WORKER, Landmarks, Provenance, Record, StoreError, StoredFailure},
};
use facesets_workers::{
    dispatch::{self, Answer, Deaths, Event, Load, Measured, Queue, Refusal, Work},
    selection::Workers,
};
use tokio::{
    runtime::{Handle, Runtime},
    sync::mpsc,
};

use super::{
    EmbedError, Interrupt, Summary,
    summary::{IMPLAUSIBLE, UNREADABLE},
};

/// Answers that wait for the writer. When there are more, none is taken from the workers, whose credit then
/// runs out: a slow disk slows the workers and fills no memory (some kilobytes a face).
const WAITING_ANSWERS: usize = 256;

/// What is kept of an analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// All of it, of contents that were not analysed before.
    Everything,
    /// The landmarks, for faces that are in the store.
    Landmarks,
}

/// Least overlap (intersection over union) of a face in the store and the one that the same detector finds
/// now: devices differ in the last bits, two faces overlap less.
const SAME_FACE: f32 = 0.9;

/// The kind of failure of photos in which the same detector finds other faces now.
const OTHER_FACES: &str = "other_faces";

/// Sends `work` to the team and commits every answer; ends as [`dispatch::run`] does.
#[expect(clippy::too_many_arguments, reason = "the last step gets all that the ones before it made")]
pub(super) fn analyse(
    work: Vec<Work>,
    photos: Photos,
    mut team: Workers,
    kept: Kept,
    committer: Committer,
    runtime: &Runtime,
    interrupt: &Interrupt,
    monitor: &dyn Monitor,
    summary: &mut Summary,
) -> Result<(), EmbedError> {
    let photos = Arc::new(photos);
    let contract = team.contract();
    let total = work.len() as u64;
    let queue = Arc::new(Queue::new(work, &interrupt.stop));
    let load: Load = {
        let photos = Arc::clone(&photos);
        Arc::new(move |sha256| photos.load(sha256).map_err(|error| error.to_string()))
    };
    let (sender, answers) = mpsc::channel(WAITING_ANSWERS);
    let workers = std::mem::take(&mut team.workers);
    let patience = team.patience();
    monitor.start("analyse", Some(total));
    let (ran, collected) = thread::scope(|scope| {
        let collector =
            Collector { committer, contract, kept, photos: &photos, monitor, summary: &mut *summary };
        let handle = runtime.handle();
        let collecting = scope.spawn(move || collector.collect(answers, handle, interrupt));
        let ran = runtime.block_on(async {
            tokio::select! {
                ran = dispatch::run(workers, Arc::clone(&queue), load, sender, patience) => Some(ran),
                () = interrupt.abort.cancelled() => None,
            }
        });
        (ran, collecting.join())
    });
    monitor.finish();
    summary.sent = queue.sent();
    let Some(ran) = ran else {
        if let Some(managed) = team.managed {
            managed.kill();
        }
        return finished(collected);
    };
    team.dismiss();
    // A store that cannot be written ends the dispatch too; it is the cause.
    finished(collected)?;
    Ok(ran?)
}

/// A panic of the collector goes on here.
fn finished(collected: thread::Result<Result<(), StoreError>>) -> Result<(), EmbedError> {
    match collected {
        Ok(result) => Ok(result?),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Writes answers down, on a thread of its own.
struct Collector<'a> {
    committer: Committer,
    contract: FaceContract,
    kept: Kept,
    photos: &'a Photos,
    monitor: &'a dyn Monitor,
    summary: &'a mut Summary,
}

impl Collector<'_> {
    fn collect(
        mut self,
        mut events: mpsc::Receiver<Event>,
        runtime: &Handle,
        interrupt: &Interrupt,
    ) -> Result<(), StoreError> {
        let collected = self.collect_all(&mut events, runtime, interrupt);
        // What could not be committed was not analysed: the next run does it again.
        for record in self.committer.waiting() {
            let faces = match record {
                Record::Analysed { analysis, .. } => analysis.faces.len(),
                Record::Enriched { landmarks, .. } => landmarks.len(),
                _ => continue,
            };
            self.summary.analysed -= 1;
            self.summary.uncount_faces(faces as u64);
        }
        collected
    }

    fn collect_all(
        &mut self,
        events: &mut mpsc::Receiver<Event>,
        runtime: &Handle,
        interrupt: &Interrupt,
    ) -> Result<(), StoreError> {
        // One record a worker, not one a result.
        let mut provenances = HashMap::new();
        loop {
            let due = self.committer.due().map(tokio::time::Instant::from_std);
            let event = runtime.block_on(async {
                let due = async {
                    match due {
                        Some(due) => tokio::time::sleep_until(due).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    biased;
                    () = interrupt.abort.cancelled() => None,
                    () = due => Some(None),
                    event = events.recv() => event.map(Some),
                }
            });
            match event {
                Some(Some(Event::Answer(answer))) => self.take(answer, &mut provenances)?,
                Some(Some(Event::Deaths(deaths))) => self.strike(deaths)?,
                Some(Some(Event::Note(text))) => self.monitor.note(&text),
                Some(None) => self.committer.flush()?,
                None => return self.committer.flush(),
            }
        }
    }

    /// At once: suspects are not sent before it is known that they are.
    fn strike(&mut self, deaths: Deaths) -> Result<(), StoreError> {
        let Deaths { strikes, stored } = deaths;
        for strike in strikes {
            let contract = self.contract.to_string();
            self.committer.add(Record::Struck { sha256: strike.sha256, contract, deaths: strike.deaths })?;
        }
        self.committer.flush()?;
        // Nobody waits any more after an abort.
        let _ = stored.send(());
        Ok(())
    }

    fn take(
        &mut self,
        answer: Answer,
        provenances: &mut HashMap<usize, Arc<Provenance>>,
    ) -> Result<(), StoreError> {
        let Answer { sha256, outcome } = answer;
        self.monitor.advance(1);
        match outcome {
            Ok(Measured { mut results, worker, .. }) => {
                let (Some(TaskResult::Faces(mut analysis)), true) = (results.pop(), results.is_empty())
                else {
                    unreachable!("results answer their tasks, and faces are all that is asked for here")
                };
                // Told beside the result, and no part of it: not every worker does.
                let pixels = analysis.pixels.take();
                if self.kept == Kept::Landmarks {
                    self.enrich(sha256, analysis)?;
                    return self.picture(sha256, pixels);
                }
                let analysis = Box::new(analysis);
                self.summary.analysed += 1;
                self.summary.count_faces(analysis.faces.len() as u64);
                // All results of a worker share its description, which lives as long as its connection.
                let provenance = provenances.entry(Arc::as_ptr(&worker).addr()).or_insert_with(|| {
                    Arc::new(Provenance {
                        provider: worker.provider.clone(),
                        worker_version: worker.worker_version.clone(),
                        runtime_version: worker.runtime_version.clone(),
                    })
                });
                let provenance = Arc::clone(provenance);
                self.committer.add(Record::Analysed { sha256, analysis, provenance })?;
                self.picture(sha256, pixels)
            }
            Err(refusal) => self.refused(sha256, &refusal),
        }
    }

    /// Keeps what a content shows, and counts it if another one shows the same.
    fn picture(&mut self, sha256: Sha256Digest, pixels: Option<PixelDigest>) -> Result<(), StoreError> {
        let Some(pixels) = pixels else { return Ok(()) };
        let shows_it =
            |record: &Record| matches!(record, Record::Pictured { pixels: other, .. } if *other == pixels);
        if self.kept == Kept::Everything
            && (self.committer.waiting().iter().any(shows_it)
                || self.committer.writer().store().shows_what_another_does(&sha256, &pixels)?)
        {
            self.summary.retagged += 1;
        }
        self.committer.add(Record::Pictured { sha256, pixels })
    }

    /// Keeps the landmarks of the faces that are in the store, if all of them were found again.
    fn enrich(&mut self, sha256: Sha256Digest, analysis: FaceAnalysis) -> Result<(), StoreError> {
        let contract = self.contract.to_string();
        let mut found = analysis.faces;
        let again = |bbox: &BBox| {
            let at = found.iter().position(|face| face.bbox.iou(bbox) >= SAME_FACE)?;
            let Face { landmarks_106, landmarks_68, .. } = found.swap_remove(at);
            Some(Landmarks { landmarks_106, landmarks_68 })
        };
        let boxes = self.committer.writer().store().boxes(&sha256, &contract)?;
        let landmarks: Option<Vec<Landmarks>> = boxes.iter().map(again).collect();
        let Some(landmarks) = landmarks else {
            let locations = self.photos.get(&sha256).map_or(&[][..], |photo| &photo.locations);
            let reason = "the detector finds other faces than before: its landmarks stay as they are";
            self.summary.fail(locations, OTHER_FACES, reason, self.monitor);
            return Ok(());
        };
        self.summary.analysed += 1;
        self.summary.count_faces(landmarks.len() as u64);
        let landmarks_contract = Box::new(analysis.landmarks_contract);
        self.committer.add(Record::Enriched { sha256, contract, landmarks_contract, landmarks })
    }

    fn refused(&mut self, sha256: Sha256Digest, refusal: &Refusal) -> Result<(), StoreError> {
        let locations = self.photos.get(&sha256).map_or(&[][..], |photo| &photo.locations);
        let kind = match refusal {
            Refusal::Worker(failure) => failure.kind.word(),
            Refusal::Implausible { .. } => IMPLAUSIBLE,
            Refusal::Load(_) => UNREADABLE,
            Refusal::KillsWorker => KILLS_WORKER,
        };
        self.summary.fail(locations, kind, &refusal.to_string(), self.monitor);
        let stored = match refusal {
            // What was analysed once can be analysed.
            _ if self.kept == Kept::Landmarks => None,
            Refusal::Worker(failure) => StoredFailure::new(failure.kind, &failure.message),
            // Neither is the photo's fault.
            Refusal::Load(_) | Refusal::Implausible { .. } => None,
            Refusal::KillsWorker => Some(StoredFailure::kills_worker(refusal.to_string())),
        };
        match stored {
            Some(failure) => {
                self.committer.add(Record::Failed { sha256, contract: self.contract.to_string(), failure })
            }
            None => Ok(()),
        }
    }
}
