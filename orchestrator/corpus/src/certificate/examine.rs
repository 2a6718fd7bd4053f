//! Crops to workers and their answers back: the only part of the certificate that knows who looks.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::PathBuf,
    sync::Arc,
};

use facesets_base::{
    exit::{Exit, Hint},
    file,
    library::Library,
    monitor::Monitor,
};
use facesets_core::{
    GenderAgeContract, Sha256Digest,
    wire::{AnalyzeFaces, Task, TaskResult},
};
use facesets_workers::{
    dispatch::{self, Answer, DispatchError, Event, Load, PackError, Queue, Work, Worker, count_task_for},
    selection::{self, SelectionError, WorkerOptions, Workers, gather},
};
use tokio::{runtime::Runtime, sync::mpsc};
use tokio_util::sync::CancellationToken;

use super::{DET_SIZES, Examine, NotEstimated, Reading, Readings, Seen};

/// Answers that wait to be taken; there is nothing slow about taking them.
const WAITING_ANSWERS: usize = 64;

/// Why crops cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// There are no workers.
    #[error(transparent)]
    Workers(#[from] SelectionError),
    /// They went away.
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    /// No threads.
    #[error("cannot start the network threads: {0}")]
    Runtime(#[source] std::io::Error),
    /// Asked to.
    #[error("stopped before every crop was looked at")]
    Stopped,
}

impl Hint for ExamineError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Workers(error) => error.hint(),
            Self::Dispatch(error) => error.hint(),
            Self::Stopped => Some("nothing was changed: run the same command again".to_owned()),
            Self::Runtime(_) => None,
        }
    }

    fn exit(&self) -> Exit {
        if self.is_cancellation() { Exit::Interrupted } else { Exit::CannotContinue }
    }
}

impl ExamineError {
    /// Whether it only says that we were told to stop.
    pub fn is_cancellation(&self) -> bool {
        match self {
            Self::Stopped => true,
            Self::Workers(error) => error.is_cancellation(),
            Self::Dispatch(_) | Self::Runtime(_) => false,
        }
    }
}

/// What workers are asked of crops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Which faces they show.
    Faces,
    /// The same, with gender and age where every worker has the same model for them.
    GenderAndAgeToo,
}

/// Has workers look at crops.
pub struct Examiner<'a> {
    /// `None` once it was sent home.
    team: Option<Workers>,
    /// What each worker of the team is asked, with [`DET_SIZES`] added.
    workers: Vec<Worker>,
    /// What estimates of gender and age are under, or why there are none.
    gender_age: Result<GenderAgeContract, NotEstimated>,
    runtime: Option<Runtime>,
    stop: CancellationToken,
    monitor: &'a dyn Monitor,
}

impl<'a> Examiner<'a> {
    /// Reaches the workers, or starts one.
    pub fn start(
        options: &WorkerOptions,
        library: &Library,
        ask: Ask,
        stop: &CancellationToken,
        monitor: &'a dyn Monitor,
    ) -> Result<Self, ExamineError> {
        let runtime = selection::network().map_err(ExamineError::Runtime)?;
        let team = gather(options, library, &runtime, stop, monitor)?;
        let mut workers: Vec<Worker> =
            team.workers.iter().map(also_counting).collect::<Result<_, _>>().map_err(SelectionError::from)?;
        let gender_age = match ask {
            Ask::Faces => Err(NotEstimated::NotAsked),
            Ask::GenderAndAgeToo => also_estimating(&mut workers),
        };
        let (team, runtime) = (Some(team), Some(runtime));
        Ok(Self { team, workers, gender_age, runtime, stop: stop.clone(), monitor })
    }

    /// Looks at each of some images once; `load` gives the bytes.
    pub fn look(&self, work: Vec<Work>, load: Load) -> Result<Readings, ExamineError> {
        let (Some(team), Some(runtime)) = (&self.team, &self.runtime) else {
            unreachable!("both are there until the examiner is dropped")
        };
        if work.is_empty() {
            return Ok(HashMap::new());
        }
        self.monitor.start("looking at crops", Some(work.len() as u64));
        let queue = Arc::new(Queue::new(work, &self.stop));
        let (sender, mut events) = mpsc::channel(WAITING_ANSWERS);
        let mut readings = HashMap::new();
        let looking = dispatch::run(self.workers.clone(), Arc::clone(&queue), load, sender, team.patience());
        let collecting = async {
            while let Some(event) = events.recv().await {
                match event {
                    Event::Answer(Answer { sha256, outcome }) => {
                        self.monitor.advance(1);
                        let reading = outcome.map_err(|refusal| refusal.to_string());
                        readings.insert(sha256, reading.map(|measured| reading_of(measured.results)));
                    }
                    Event::Note(text) => self.monitor.note(&text),
                    // Suspicions are kept for photos; crops can be made again.
                    Event::Deaths(deaths) => {
                        let _ = deaths.stored.send(());
                    }
                }
            }
        };
        let (ran, ()) = runtime.block_on(async { tokio::join!(looking, collecting) });
        self.monitor.finish();
        ran?;
        if queue.open() > 0 { Err(ExamineError::Stopped) } else { Ok(readings) }
    }
}

impl Examine for Examiner<'_> {
    fn contract(&self) -> String {
        self.team.as_ref().map_or_else(String::new, |team| team.contract().to_string())
    }

    fn gender_age(&self) -> Result<String, NotEstimated> {
        self.gender_age.map(|contract| contract.to_string())
    }

    fn examine(&self, crops: &BTreeMap<Sha256Digest, PathBuf>) -> Result<Readings, ExamineError> {
        let crops = Arc::new(crops.clone());
        let bytes = |path: &PathBuf| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let work = crops.iter().map(|(sha256, path)| Work::new(*sha256, bytes(path))).collect();
        let load: Load = Arc::new(move |sha256| {
            let path = crops.get(sha256).ok_or("nobody knows where it is")?;
            file::read(path).map(Into::into).map_err(|error| error.to_string())
        });
        self.look(work, load)
    }
}

impl Drop for Examiner<'_> {
    fn drop(&mut self) {
        self.workers.clear();
        if let Some(team) = self.team.take() {
            team.dismiss();
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A worker that is asked for the other detector sizes too.
fn also_counting(worker: &Worker) -> Result<Worker, PackError> {
    let mut worker = worker.clone();
    let [Task::AnalyzeFaces(task)] = &worker.tasks[..] else {
        unreachable!("a team is gathered to analyse faces")
    };
    let others: Vec<u32> = DET_SIZES.into_iter().filter(|size| *size != task.contract.det_size).collect();
    let count = count_task_for(worker.connection.description(), &task.pack, &others)?;
    worker.tasks.push(count.into());
    Ok(worker)
}

/// Has workers estimate gender and age, under the contract that all of them have; asks none of them
/// otherwise.
fn also_estimating(workers: &mut [Worker]) -> Result<GenderAgeContract, NotEstimated> {
    let offered: Vec<Option<GenderAgeContract>> = workers
        .iter_mut()
        .map(|worker| {
            let Worker { connection, tasks, .. } = worker;
            let task = analysis(tasks);
            let packs = &connection.description().packs;
            let pack = packs.iter().find(|pack| pack.name == task.pack)?;
            pack.gender_age_contract(task.contract.det_size)
        })
        .collect();
    let Some(first) = offered.iter().flatten().next().copied() else { return Err(NotEstimated::NoModel) };
    if offered.iter().any(|contract| *contract != Some(first)) {
        return Err(NotEstimated::ModelsDiffer);
    }
    for worker in workers {
        analysis(&mut worker.tasks).gender_age = Some(first);
    }
    Ok(first)
}

/// The analysis among the tasks of [`also_counting`].
fn analysis(tasks: &mut [Task]) -> &mut AnalyzeFaces {
    match tasks {
        [Task::AnalyzeFaces(task), ..] => task,
        _ => unreachable!("a team is gathered to analyse faces"),
    }
}

/// What the results of an image's tasks say; they were found to answer the tasks.
fn reading_of(results: Vec<TaskResult>) -> Reading {
    let mut by_size: BTreeMap<u32, usize> = BTreeMap::new();
    let (mut embeddings, mut gender_age) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            TaskResult::Faces(analysis) => {
                by_size.insert(analysis.contract.det_size, analysis.faces.len());
                embeddings.extend(analysis.faces.into_iter().map(|face| face.embedding));
                gender_age.extend(analysis.gender_age.into_iter().flat_map(|estimates| estimates.faces));
            }
            TaskResult::Count(count) => {
                by_size.extend(count.sizes.iter().map(|size| (size.contract.det_size, size.faces.len())));
            }
            TaskResult::Clip(_) => unreachable!("nobody asked for it"),
        }
    }
    let seen =
        DET_SIZES.map(|det_size| Seen { det_size, faces: by_size.get(&det_size).copied().unwrap_or(0) });
    Reading { seen: seen.to_vec(), embeddings, gender_age }
}
