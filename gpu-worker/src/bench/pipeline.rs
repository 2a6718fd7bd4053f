//! Photos through lanes, as fast as they take them.

use std::{
    future::poll_fn,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use facesets_core::{
    contract::DEFAULT_DET_SIZE,
    wire::{AnalyzeFaces, Item, PackInfo, Task, TaskResult},
};

use crate::{
    assembly::Plan,
    meter::Meter,
    pool::{Answers, Pool, Submitter},
    resources,
    start_error::BoxError,
};

/// Lanes that are kept fed.
#[derive(Debug)]
pub struct Line {
    runtime: tokio::runtime::Runtime,
    submitter: Submitter,
    answers: Answers,
    tasks: Vec<Task>,
    meter: Arc<Meter>,
}

/// What one measurement gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PipelineRun {
    /// Photos that were answered.
    pub photos: usize,
    /// Faces in them.
    pub faces: usize,
    /// From the first photo to the last answer.
    pub time: Duration,
    /// Of the processor, where the system says so.
    pub processor: Option<Duration>,
}

impl PipelineRun {
    /// Photos a second.
    pub fn rate(&self) -> f64 {
        self.photos as f64 / self.time.as_secs_f64()
    }
}

impl Line {
    /// Lanes that analyse for the default contract of `pack`.
    pub fn new(pool: Pool, plan: Plan, pack: &PackInfo, meter: Arc<Meter>) -> Result<Self, BoxError> {
        let contract = pack.face_contract(DEFAULT_DET_SIZE).ok_or("the pack lacks a model")?;
        let (submitter, answers) = Arc::new(pool).open(Pool::credit(plan.lanes));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tasks = vec![AnalyzeFaces::new(&pack.name, contract).into()];
        Ok(Self { runtime, submitter, answers, tasks, meter })
    }

    /// What the lanes count.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Sends photos in turns for `time`, at least each of them once, and waits for the answers.
    pub fn run(&mut self, photos: &[Vec<u8>], time: Duration) -> Result<PipelineRun, BoxError> {
        let photos: Vec<Bytes> = photos.iter().map(|photo| Bytes::from(photo.clone())).collect();
        let (before, started) = (resources::processor_time(), Instant::now());
        let Self { runtime, submitter, answers, tasks, .. } = self;
        let (sent, faces) = runtime.block_on(async {
            let send = async {
                let mut sent = 0;
                while sent < photos.len() || started.elapsed() < time {
                    let slot = submitter.reserve().await;
                    let data = photos[sent % photos.len()].clone();
                    submitter.submit(slot, Item { id: sent as u64, tasks: tasks.clone(), data }).await;
                    sent += 1;
                }
                // The last answer is not taken before all are sent, or the other side would not know that it
                // is the last.
                submitter.all_answered().await;
                sent
            };
            tokio::pin!(send);
            let mut faces = 0;
            loop {
                tokio::select! {
                    biased;
                    reply = poll_fn(|context| answers.poll_next(context)) => {
                        let (results, _) = reply.ok_or("the lanes are gone")?.outcome?;
                        faces += results.iter().map(faces_in).sum::<usize>();
                    }
                    sent = &mut send => return Ok::<_, BoxError>((sent, faces)),
                }
            }
        })?;
        let time = started.elapsed();
        let processor = resources::since(before);
        Ok(PipelineRun { photos: sent, faces, time, processor })
    }
}

fn faces_in(result: &TaskResult) -> usize {
    match result {
        TaskResult::Faces(analysis) => analysis.faces.len(),
        TaskResult::Count(_) | TaskResult::Clip(_) => 0,
    }
}
