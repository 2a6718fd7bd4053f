//! The tasks of one pack with one photo: detect and cut out, which needs the pixels; then the networks that
//! need them no more.

use std::{sync::Arc, time::Instant};

use facesets_core::{
    ClipAnalysis, ClipContract, DetectedFace, Detections, FaceAnalysis, FaceCount, GenderAges,
    wire::{AnalyzeFaces, CountFaces, ItemFailure, ModelRole, Task, TaskResult},
};
use facesets_imaging::{Photo, RgbImage};

use super::{
    Analysis, Analyzer, Common,
    contracts::{self, AnalysisContracts},
    crops::{self, Candidate, Sides, bbox_of},
    detections::{Detecting, Found},
    failure::{from_engine, internal},
    measures, photo,
};
use crate::{
    device::{Call, Device, Row},
    engine::{EngineError, RoleWord as _},
    meter::Stage,
    vision::{Detection, append_nchw, decode, letterbox, suppress},
};

/// Most analysed faces of one item: more would not fit one reply, and no photo has so many.
pub const MAX_FACES: usize = 1500;

/// The real [`Analyzer`], on any [`Device`].
#[derive(Debug)]
pub struct FaceAnalyzer<D> {
    pub(super) device: D,
    pub(super) common: Arc<Common>,
    sides: Sides,
}

/// An analysis without what the networks say that look at crops.
pub(super) struct FaceDraft {
    analysis: FaceAnalysis,
    candidates: Vec<Candidate>,
    /// A crop a candidate for gender and age, where those are asked for.
    gender_age: Vec<RgbImage>,
}

/// A task as far as it needs the photo's pixels.
pub(super) enum Draft {
    Faces(Box<FaceDraft>),
    Count(FaceCount),
    Clip { contract: ClipContract, call: Call },
}

impl<D: Device> FaceAnalyzer<D> {
    /// An analyzer whose device has models with the inputs that their roles ask for.
    pub fn new(device: D, common: Arc<Common>) -> Result<Self, EngineError> {
        let sides = Sides::of(&device)?;
        Ok(Self { device, common, sides })
    }

    /// The device, and nothing else of it.
    pub fn into_device(self) -> D {
        self.device
    }

    /// What a task needs of the pixels; what was detected for an earlier task is in `found`.
    pub(super) fn draft(
        &mut self,
        photo: &Photo,
        task: &Task,
        found: &mut Found,
    ) -> Result<Draft, ItemFailure> {
        match task {
            Task::AnalyzeFaces(task) => self.analysis(photo, task, found),
            Task::CountFaces(task) => self.count(photo, task, found).map(Draft::Count),
            Task::EmbedClip(task) => {
                let contract = contracts::of_clip(&self.common.models.pack, task)?;
                let call = self.common.meter.time(Stage::ClipCrop, 1, || measures::clip_call(photo));
                Ok(Draft::Clip { contract, call })
            }
        }
    }

    fn analysis(
        &mut self,
        photo: &Photo,
        task: &AnalyzeFaces,
        found: &mut Found,
    ) -> Result<Draft, ItemFailure> {
        let AnalysisContracts { faces: contract, landmarks: landmarks_contract, gender_age } =
            contracts::of_analysis(&self.common.models.pack, task)?;
        // First, while the pixels are still near the processor.
        let pixels = self.common.meter.time(Stage::PixelDigest, 1, || photo.pixel_digest());
        let detecting = Detecting::new(contract.det_size, [task.det_threshold, task.nms_threshold]);
        let detections = self.detect(photo, detecting, found)?;
        let candidates = crops::cut(photo, detections, self.sides, &self.common)?;
        let (width, height) = photo.dimensions();
        let pack = self.common.models.pack.name.clone();
        let crops = match gender_age {
            Some(_) => crops::for_gender_age(photo, &candidates, &self.common)?,
            None => Vec::new(),
        };
        let gender_age = gender_age.map(|contract| Box::new(GenderAges { contract, faces: Vec::new() }));
        let analysis = FaceAnalysis {
            pack,
            contract,
            landmarks_contract,
            width,
            height,
            faces: Vec::new(),
            gender_age,
            pixels: Some(pixels),
        };
        Ok(Draft::Faces(Box::new(FaceDraft { analysis, candidates, gender_age: crops })))
    }

    fn count(
        &mut self,
        photo: &Photo,
        task: &CountFaces,
        found: &mut Found,
    ) -> Result<FaceCount, ItemFailure> {
        let mut sizes = Vec::new();
        for contract in contracts::of_count(&self.common.models.pack, task)? {
            let detecting = Detecting::new(contract.det_size, [task.det_threshold, task.nms_threshold]);
            let detections = self.detect(photo, detecting, found)?;
            let faces = detections.iter().filter_map(|detection| {
                let bbox = bbox_of(detection)?;
                Some(DetectedFace { bbox, det_score: detection.score })
            });
            sizes.push(Detections { contract, faces: faces.collect() });
        }
        let (width, height) = photo.dimensions();
        Ok(FaceCount { pack: self.common.models.pack.name.clone(), width, height, sizes })
    }

    fn detect(
        &mut self,
        photo: &Photo,
        detecting: Detecting,
        found: &mut Found,
    ) -> Result<Vec<Detection>, ItemFailure> {
        if let Some(detections) = found.get(detecting) {
            return Ok(detections);
        }
        let side = detecting.det_size;
        let normalisation = self.common.models.normalisation(ModelRole::Detection);
        let (scale, values) = self.common.meter.time(Stage::Letterbox, 1, || {
            let fitted = letterbox(photo, side);
            let mut values = Vec::new();
            append_nchw(&mut values, &fitted.canvas, normalisation);
            (fitted.scale, values)
        });
        let call = Call { role: ModelRole::Detection, side: side as usize, rows: 1, values };
        let outputs = self.run([call])?.into_iter().flatten().next().unwrap_or_default();
        let detections = self.common.meter.time(Stage::Boxes, 1, || {
            let outputs: Vec<&[f32]> = outputs.iter().map(|output| output.values.as_slice()).collect();
            let detections = decode(&outputs, side, scale, detecting.det_threshold()).map_err(internal)?;
            if let Some(odd) = detections.iter().find(|detection| detection.score > 1.0) {
                return Err(internal(format!("the detector gave a confidence of {}", odd.score)));
            }
            Ok(suppress(detections, detecting.nms_threshold()))
        })?;
        if detections.len() > MAX_FACES {
            let count = detections.len();
            return Err(internal(format!(
                "{count} detections, more than the {MAX_FACES} that fit one reply"
            )));
        }
        found.put(detecting, &detections);
        Ok(detections)
    }

    /// Runs the networks that need no photo any more.
    pub(super) fn finish(&mut self, draft: Draft) -> Result<TaskResult, ItemFailure> {
        match draft {
            Draft::Count(count) => Ok(TaskResult::Count(count)),
            Draft::Clip { contract, call } => {
                let [rows] = self.run([call])?;
                let embedding = measures::clip_embedding(&rows)?;
                let pack = self.common.models.pack.name.clone();
                Ok(TaskResult::Clip(ClipAnalysis { pack, contract, embedding }))
            }
            Draft::Faces(draft) => self.finish_faces(*draft).map(TaskResult::Faces),
        }
    }

    fn finish_faces(&mut self, draft: FaceDraft) -> Result<FaceAnalysis, ItemFailure> {
        let FaceDraft { mut analysis, candidates, gender_age } = draft;
        for group in candidates.chunks(measures::FACES_AT_ONCE) {
            let calls = self
                .common
                .meter
                .time(Stage::Inputs, group.len(), || measures::calls(group, &self.common.models, self.sides));
            let [embeddings, points_106, points_68] = self.run(calls)?;
            for (candidate, outputs) in
                group.iter().zip(embeddings.iter().zip(points_106.iter().zip(&points_68)))
            {
                let (embedding, (points_106, points_68)) = outputs;
                analysis.faces.push(measures::face(candidate, [embedding, points_106, points_68])?);
            }
        }
        if let Some(estimates) = &mut analysis.gender_age {
            for group in gender_age.chunks(measures::FACES_AT_ONCE) {
                let Common { meter, models, .. } = &*self.common;
                let call =
                    meter.time(Stage::Inputs, group.len(), || measures::gender_age_call(group, models));
                let [rows] = self.run([call])?;
                for row in &rows {
                    estimates.faces.push(measures::gender_age(row)?);
                }
            }
        }
        Ok(analysis)
    }

    /// The outputs of all calls, or the first failure.
    fn run<const N: usize>(&mut self, calls: [Call; N]) -> Result<[Vec<Row>; N], ItemFailure> {
        let expected = calls.each_ref().map(|call| (call.role, call.rows));
        let started = Instant::now();
        let outcomes: Result<Vec<_>, _> = self.device.run(calls.into()).into_iter().collect();
        let rows = outcomes.map_err(from_engine)?;
        // What is waited for is part of it: the networks' own time is in the spans of their batches.
        let (inputs, us) = (expected.map(|(_, rows)| rows), started.elapsed().as_micros() as u64);
        tracing::debug!(
            stage = "device",
            model = expected[0].0.word(),
            inputs = inputs.iter().sum::<usize>(),
            us,
            "a stage is done"
        );
        for ((role, expected), rows) in expected.iter().zip(&rows) {
            if rows.len() != *expected {
                return Err(internal(format!(
                    "{} of {expected} inputs of {role:?} were answered",
                    rows.len()
                )));
            }
        }
        rows.try_into().map_err(|_| internal("a device answers every call"))
    }
}

impl<D: Device> Analyzer for FaceAnalyzer<D> {
    fn analyze(&mut self, bytes: &[u8], tasks: &[Task]) -> Result<Analysis, ItemFailure> {
        photo::analyze(std::slice::from_mut(self), bytes, tasks)
    }
}
