//! The ceiling: what cannot be done without, and nothing else. One thread on every core decodes photos and
//! runs the very network inputs that the pipeline would, recorded before, on sessions of its own.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use facesets_core::{
    ImageLimits,
    contract::DEFAULT_DET_SIZE,
    wire::{AnalyzeFaces, ModelRole},
};
use facesets_imaging::decode_upright_in;

use super::{analyzer, pipeline::PipelineRun};
use crate::{
    analyzer::{Analyzer as _, FaceModels},
    engine::{Engine, EngineError, InputShape, Tensor, ort::OrtEngine},
    resources,
    start_error::BoxError,
};

/// One run of a network.
#[derive(Debug)]
pub struct Recorded {
    role: ModelRole,
    shape: [usize; 4],
    values: Vec<f32>,
}

/// What is measured.
#[derive(Debug)]
pub struct Ceiling {
    /// An engine a thread; none: only decoding.
    engines: Vec<Option<OrtEngine>>,
    /// Runs of each photo.
    recorded: Vec<Vec<Recorded>>,
    limits: ImageLimits,
}

/// An engine that writes down what it is given.
struct Recorder {
    engine: OrtEngine,
    runs: Arc<Mutex<Vec<Recorded>>>,
}

impl Engine for Recorder {
    fn input_shape(&self, role: ModelRole) -> InputShape {
        self.engine.input_shape(role)
    }

    fn run(
        &mut self,
        role: ModelRole,
        shape: [usize; 4],
        values: &[f32],
    ) -> Result<Vec<Tensor>, EngineError> {
        let recorded = Recorded { role, shape, values: values.to_vec() };
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
        self.engine.run(role, shape, values)
    }
}

/// The runs of every photo, and an engine like the one that made them.
pub fn record(
    engine: OrtEngine,
    models: &FaceModels,
    photos: &[Vec<u8>],
    limits: ImageLimits,
) -> Result<(OrtEngine, Vec<Vec<Recorded>>), BoxError> {
    let runs = Arc::new(Mutex::new(Vec::new()));
    let mut analyzer = analyzer(Recorder { engine, runs: Arc::clone(&runs) }, models, limits)?;
    let contract = models.pack.face_contract(DEFAULT_DET_SIZE).ok_or("the pack lacks a model")?;
    let task = [AnalyzeFaces::new(&models.pack.name, contract).into()];
    let mut recorded = Vec::new();
    for photo in photos {
        analyzer.analyze(photo, &task)?;
        recorded.push(std::mem::take(&mut *runs.lock().unwrap_or_else(PoisonError::into_inner)));
    }
    Ok((analyzer.into_device().into_engine().engine, recorded))
}

impl Ceiling {
    /// Decoding and networks, a thread an engine.
    pub fn networks(engines: Vec<OrtEngine>, recorded: Vec<Vec<Recorded>>, limits: ImageLimits) -> Self {
        Self { engines: engines.into_iter().map(Some).collect(), recorded, limits }
    }

    /// Decoding alone on so many threads.
    pub fn decoder(cores: usize, limits: ImageLimits) -> Self {
        Self { engines: (0..cores).map(|_| None).collect(), recorded: Vec::new(), limits }
    }

    /// Works for `time` on photos in turns, at least on each of them once.
    pub fn run(&mut self, photos: &[Vec<u8>], time: Duration) -> Result<PipelineRun, BoxError> {
        let (before, started) = (resources::processor_time(), Instant::now());
        let taken = AtomicUsize::new(0);
        let (recorded, limits) = (&self.recorded, &self.limits);
        let work = |engine: &mut Option<OrtEngine>| -> Result<usize, String> {
            let (mut done, mut memory) = (0, Vec::new());
            loop {
                let index = taken.fetch_add(1, Ordering::Relaxed);
                if index >= photos.len() && started.elapsed() >= time {
                    return Ok(done);
                }
                let photo = index % photos.len();
                let decoded = decode_upright_in(memory, &photos[photo], limits);
                memory = decoded.map_err(|error| error.to_string())?.into_raw();
                if let (Some(engine), Some(runs)) = (engine.as_mut(), recorded.get(photo)) {
                    for Recorded { role, shape, values } in runs {
                        engine.run(*role, *shape, values).map_err(|error| error.to_string())?;
                    }
                }
                done += 1;
            }
        };
        let done = thread::scope(|scope| {
            let threads: Vec<_> =
                self.engines.iter_mut().map(|engine| scope.spawn(|| work(engine))).collect();
            let join = |thread: thread::ScopedJoinHandle<'_, Result<usize, String>>| {
                thread.join().unwrap_or_else(|_| Err("a thread panicked".to_owned()))
            };
            threads.into_iter().map(join).sum::<Result<usize, String>>()
        })?;
        let time = started.elapsed();
        let processor = resources::since(before);
        Ok(PipelineRun { photos: done, faces: 0, time, processor })
    }
}
