//! What a benchmark found, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::pipeline::PipelineRun;
use crate::{
    assembly::{Arrangement, Plan},
    meter::{Meter, STAGES, Stage, Tally},
};

/// Figures of one benchmark.
#[derive(Debug)]
pub struct Report {
    /// Pack.
    pub pack: String,
    /// Where its models ran.
    pub target: String,
    /// Lanes and cores.
    pub plan: Plan,
    /// Photos that were sent in turns.
    pub photos: usize,
    /// Through the lanes.
    pub pipeline: Vec<PipelineRun>,
    /// Networks and decoder alone, or the decoder alone on a device; in turns with the pipeline.
    pub ceiling: Vec<PipelineRun>,
    /// Photos a second of a simulated device at its best.
    pub device_ceiling: Option<f64>,
    /// Every stage, over all runs of the pipeline.
    pub stages: Vec<(Stage, Tally)>,
    /// Memory of one more set of sessions before its first run.
    pub engine_bytes: Option<u64>,
    /// Memory of the process after the first run.
    pub resident_first: Option<u64>,
    /// Memory of the process at the end.
    pub resident_last: Option<u64>,
}

/// The report as JSON has it.
#[derive(Debug, Serialize)]
struct Json<'a> {
    pack: &'a str,
    target: &'a str,
    cores: usize,
    lanes: usize,
    threads_per_session: usize,
    photos: usize,
    /// Medians, photos a second.
    pipeline_per_second: f64,
    faces_per_second: f64,
    ceiling_per_second: f64,
    device_ceiling_per_second: Option<f64>,
    of_ceiling: f64,
    /// The same by processor time, which other programs on the machine disturb less.
    of_ceiling_by_processor_time: Option<f64>,
    pipeline_runs: Vec<f64>,
    ceiling_runs: Vec<f64>,
    processor_ms_per_photo: Option<f64>,
    device_busy: f64,
    engine_mb: Option<f64>,
    resident_first_mb: Option<f64>,
    resident_last_mb: Option<f64>,
    stages: Vec<JsonStage>,
}

#[derive(Debug, Serialize)]
struct JsonStage {
    stage: &'static str,
    calls: u64,
    inputs: u64,
    mean_batch: f64,
    largest_batch: u64,
    ms_per_call: f64,
    ms_per_photo: f64,
    inputs_per_second: f64,
}

impl Report {
    /// A report with nothing measured yet.
    pub(super) fn new(plan: Plan, photos: &[Vec<u8>]) -> Self {
        Self {
            pack: String::new(),
            target: String::new(),
            plan,
            photos: photos.len(),
            pipeline: Vec::new(),
            ceiling: Vec::new(),
            device_ceiling: None,
            stages: Vec::new(),
            engine_bytes: None,
            resident_first: None,
            resident_last: None,
        }
    }

    pub(super) fn take_stages(&mut self, meter: &Meter) {
        let stages = STAGES.map(|stage| (stage, meter.tally(stage)));
        // What the photos were not used for is left out.
        self.stages = stages.into_iter().filter(|(_, tally)| tally.calls > 0).collect();
    }

    /// The lines below the table.
    pub fn summary(&self) -> String {
        let json = self.figures();
        let Json { pack, target, cores, lanes, photos, .. } = json;
        let known =
            |value: Option<f64>, unit: &str| value.map_or("unknown".to_owned(), |v| format!("{v:.1} {unit}"));
        let above = match (self.device_ceiling, self.plan.arrangement) {
            (Some(device), _) => {
                format!("device {device:.2}, decoder on every core {:.2}", json.ceiling_per_second)
            }
            (None, Arrangement::Shared) => format!("decoder on every core {:.2}", json.ceiling_per_second),
            (None, Arrangement::Own) => {
                format!("networks and decoder alone on every core {:.2}", json.ceiling_per_second)
            }
        };
        format!(
            "pack {pack} on {target}; {photos} photos in turns, {cores} cores, {lanes} lanes\n\
             photos/s        {:.2} (faces/s {:.2}); ceiling: {above}\n\
             of the ceiling  {:.3}; by processor time {}\n\
             device busy     {:.3} of the time of its threads; processor {} a photo\n\
             memory          {} after the first run, {} after the last; {} for one set of sessions",
            json.pipeline_per_second,
            json.faces_per_second,
            json.of_ceiling,
            json.of_ceiling_by_processor_time.map_or("unknown".to_owned(), |ratio| format!("{ratio:.3}")),
            json.device_busy,
            known(json.processor_ms_per_photo, "ms"),
            known(json.resident_first_mb, "MB"),
            known(json.resident_last_mb, "MB"),
            known(json.engine_mb, "MB"),
        )
    }

    /// For programs.
    pub fn json(&self) -> impl Serialize + '_ {
        self.figures()
    }

    fn figures(&self) -> Json<'_> {
        let rates = |runs: &[PipelineRun]| runs.iter().map(PipelineRun::rate).collect::<Vec<_>>();
        let (pipeline, ceiling) = (median(rates(&self.pipeline)), median(rates(&self.ceiling)));
        let photos = self.answered();
        let time: f64 = self.pipeline.iter().map(|run| run.time.as_secs_f64()).sum();
        let faces: usize = self.pipeline.iter().map(|run| run.faces).sum();
        let per_photo = |runs: &[PipelineRun]| {
            let costs = runs.iter().map(|run| Some(run.processor?.as_secs_f64() * 1e3 / run.photos as f64));
            costs.collect::<Option<Vec<_>>>().map(median)
        };
        let (ours, bare) = (per_photo(&self.pipeline), per_photo(&self.ceiling));
        let networks: f64 = self.of_networks().map(|(_, tally)| tally.time.as_secs_f64()).sum();
        let device_threads = match self.plan.arrangement {
            Arrangement::Own => self.plan.lanes.get(),
            Arrangement::Shared => 1,
        };
        let mb = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64 / 1e6);
        let least = self.device_ceiling.map_or(ceiling, |device| device.min(ceiling));
        Json {
            pack: &self.pack,
            target: &self.target,
            cores: self.plan.cores,
            lanes: self.plan.lanes.get(),
            threads_per_session: self.plan.threads,
            photos: self.photos,
            pipeline_per_second: pipeline,
            faces_per_second: faces as f64 / time,
            ceiling_per_second: ceiling,
            device_ceiling_per_second: self.device_ceiling,
            of_ceiling: pipeline / least,
            of_ceiling_by_processor_time: bare.zip(ours).map(|(bare, ours)| bare / ours),
            pipeline_runs: rates(&self.pipeline),
            ceiling_runs: rates(&self.ceiling),
            processor_ms_per_photo: ours,
            device_busy: networks / (time * device_threads as f64),
            engine_mb: mb(self.engine_bytes),
            resident_first_mb: mb(self.resident_first),
            resident_last_mb: mb(self.resident_last),
            stages: self.stages.iter().map(|(stage, tally)| stage_row(*stage, tally, photos)).collect(),
        }
    }

    /// For people.
    pub fn table(&self) -> String {
        let photos = self.answered();
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{:<14}{:>8}{:>9}{:>7}{:>8}{:>10}{:>11}{:>12}",
            "stage", "calls", "inputs", "batch", "largest", "ms/call", "ms/photo", "inputs/s"
        );
        for (stage, tally) in &self.stages {
            let row = stage_row(*stage, tally, photos);
            let _ = writeln!(
                text,
                "{:<14}{:>8}{:>9}{:>7.1}{:>8}{:>10.3}{:>11.3}{:>12.0}",
                row.stage,
                row.calls,
                row.inputs,
                row.mean_batch,
                row.largest_batch,
                row.ms_per_call,
                row.ms_per_photo,
                row.inputs_per_second
            );
        }
        text
    }

    fn answered(&self) -> usize {
        self.pipeline.iter().map(|run| run.photos).sum()
    }

    fn of_networks(&self) -> impl Iterator<Item = &(Stage, Tally)> {
        self.stages.iter().filter(|(stage, _)| stage.is_network())
    }
}

fn stage_row(stage: Stage, tally: &Tally, photos: usize) -> JsonStage {
    let ms = tally.time.as_secs_f64() * 1e3;
    let per = |count: f64| if count > 0.0 { ms / count } else { 0.0 };
    JsonStage {
        stage: stage.word(),
        calls: tally.calls,
        inputs: tally.inputs,
        mean_batch: tally.inputs as f64 / (tally.calls as f64).max(1.0),
        largest_batch: tally.largest,
        ms_per_call: per(tally.calls as f64),
        ms_per_photo: per(photos as f64),
        inputs_per_second: if ms > 0.0 { tally.inputs as f64 * 1e3 / ms } else { 0.0 },
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        len if len % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert!((median(vec![4.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(Vec::new()).abs() < 1e-9);
    }
}
