//! How fast this machine works on photos, and how fast it could: the pipeline beside the bare networks and
//! the decoder.
//!
//! Nothing is sent over a network; photos are in memory. [`photos`] are what is measured, [`pipeline`] runs
//! them through lanes, [`bare`] is the ceiling, [`report`] is what comes of it.

pub mod bare;
pub mod photos;
pub mod pipeline;
pub mod report;

use std::{sync::Arc, time::Duration};

use facesets_core::{
    ImageLimits, Sha256Digest,
    wire::{ModelInfo, ModelRole, PackInfo, PackState},
};

use self::{
    bare::Ceiling,
    pipeline::{Line, PipelineRun},
    report::Report,
};
use crate::{
    analyzer::{Common, FaceAnalyzer, FaceModels, PackBuilder},
    assembly::{Arrangement, Plan},
    device::{Condition, CpuTurns, InPlace, Shared},
    engine::{Engine, Simulated, ort::OrtEngine},
    meter::Meter,
    resources,
    start_error::BoxError,
    vision::Normalisation,
};

/// How to measure.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// Time of each measurement.
    pub time: Duration,
    /// Measurements, in turns with the ceiling's.
    pub runs: usize,
    /// What one photo may be.
    pub limits: ImageLimits,
}

/// Measures a pack on `builder`'s target, and the same sessions run back to back, one thread each on every
/// core, plus decoding.
pub fn real(
    builder: PackBuilder,
    plan: Plan,
    photos: &[Vec<u8>],
    measure: Measure,
) -> Result<Report, BoxError> {
    let reference = builder.reference()?;
    let (pack, target) = (builder.pack.info().clone(), builder.runtime.target().to_string());
    let before = resources::resident();
    let mut engines = Vec::new();
    if plan.arrangement == Arrangement::Own {
        for _ in 0..plan.cores {
            engines.push(PackBuilder { threads: 1, ..builder.clone() }.engine()?);
        }
    }
    let per_engine = resources::resident().zip(before).map(|(after, before)| after.saturating_sub(before));
    let per_engine = per_engine.map(|bytes| bytes / engines.len().max(1) as u64);
    let ceiling = match engines.pop() {
        // On a device, its own sessions are the ceiling, and they are busy.
        None => Ceiling::decoder(plan.cores, measure.limits),
        Some((engine, models)) => {
            let (engine, recorded) = bare::record(engine, &models, photos, measure.limits)?;
            let engines: Vec<OrtEngine> =
                engines.into_iter().map(|(engine, _)| engine).chain([engine]).collect();
            Ceiling::networks(engines, recorded, measure.limits)
        }
    };
    let meter = Arc::clone(&builder.meter);
    let pool = plan.start(builder, reference)?;
    let line = Line::new(pool, plan, &pack, meter)?;
    let report = Report { pack: pack.name, target, engine_bytes: per_engine, ..Report::new(plan, photos) };
    in_turns(line, ceiling, photos, measure, report)
}

/// Measures the pipeline around a device that takes its time and computes nothing, and the decoder alone on
/// every core.
pub fn simulated(
    device: Simulated,
    plan: Plan,
    photos: &[Vec<u8>],
    measure: Measure,
) -> Result<Report, BoxError> {
    let pack = simulated_pack();
    let meter = Arc::new(Meter::default());
    let normalisations = ModelRole::FACE.map(|role| (role, Normalisation { mean: 127.5, std: 128.0 }));
    let models = FaceModels { pack: pack.clone(), normalisations: normalisations.to_vec() };
    let common = Common::new(models, measure.limits, Arc::clone(&meter));
    let turns = Arc::new(CpuTurns::of(plan.cores));
    let condition = Condition::default();
    let factory = Box::new(move || Ok(device));
    let shared = Shared::start(turns, plan.patience, condition.clone(), Arc::clone(&meter), factory)?;
    let pool = plan.share(shared, condition, common)?;
    let line = Line::new(pool, plan, &pack, meter)?;
    let target = format!("simulated, {} ms a batch", device.per_batch.as_millis());
    let device_ceiling = device.photos_per_second();
    let report = Report { pack: pack.name, target, device_ceiling, ..Report::new(plan, photos) };
    in_turns(line, Ceiling::decoder(plan.cores, measure.limits), photos, measure, report)
}

/// The ceiling and the pipeline in turns, so that whatever else the machine does meets both; a first run of
/// each warms up.
fn in_turns(
    mut line: Line,
    mut ceiling: Ceiling,
    photos: &[Vec<u8>],
    measure: Measure,
    mut report: Report,
) -> Result<Report, BoxError> {
    let warming = Duration::from_secs(1).min(measure.time);
    ceiling.run(photos, warming)?;
    line.run(photos, warming)?;
    line.meter().reset();
    for _ in 0..measure.runs {
        report.ceiling.push(ceiling.run(photos, measure.time)?);
        let run: PipelineRun = line.run(photos, measure.time)?;
        report.pipeline.push(run);
        report.resident_first = report.resident_first.or_else(resources::resident);
    }
    report.resident_last = resources::resident();
    report.take_stages(line.meter());
    Ok(report)
}

fn simulated_pack() -> PackInfo {
    let sha256 = Sha256Digest::of(b"a simulated model");
    let models = ModelRole::FACE.map(|role| ModelInfo { role, file: String::new(), sha256 });
    PackInfo {
        name: "simulated".to_owned(),
        models: models.to_vec(),
        licence: String::new(),
        state: PackState::Default,
    }
}

/// An analyzer on an engine of one's own, for looking at what it asks of the engine.
fn analyzer<E: Engine>(
    engine: E,
    models: &FaceModels,
    limits: ImageLimits,
) -> Result<FaceAnalyzer<InPlace<E>>, BoxError> {
    let meter = Arc::new(Meter::default());
    let device = InPlace::new(engine, Arc::clone(&meter));
    Ok(FaceAnalyzer::new(device, Common::new(models.clone(), limits, meter))?)
}
