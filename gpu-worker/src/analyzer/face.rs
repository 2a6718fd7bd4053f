//! Decode, detect, align, recognise, place landmarks, measure blur.

use std::time::Instant;

use facesets_core::{
    BBox, DetectedFace, Detections, Face, FaceAnalysis, FaceEmbedding, ImageLimits,
    wire::{AnalyzeFaces, CountFaces, ItemFailure, ModelRole, PackInfo, Task, TaskResult},
};
use facesets_imaging::{RgbImage, decode_upright};

use super::{
    Analysis, Analyzer, contracts,
    detections::{Detecting, Found},
    failure::{from_decode, from_engine, internal},
};
use crate::{
    engine::{
        Engine, EngineError, RoleWord as _, Tensor,
        self_test::{Reference, SelfTestError},
    },
    vision::{
        ARCFACE_SIDE, Detection, LandmarkCrop, Normalisation, align, append_nchw, decode, laplacian_variance,
        letterbox, suppress,
    },
};

/// Most analysed faces of one item: more would not fit one reply, and no photo has so many.
pub const MAX_FACES: usize = 1500;

/// Faces that go through a network at once: enough to gain from batching, few enough for bounded memory.
const MAX_BATCH: usize = 16;

/// Side of the landmark networks' input, when they do not say.
const LANDMARK_SIDE: u32 = 192;

/// A pack's names and digests, and what its models want to be fed.
#[derive(Debug, Clone)]
pub struct FaceModels {
    /// Names and digests.
    pub pack: PackInfo,
    /// One for every role.
    pub normalisations: Vec<(ModelRole, Normalisation)>,
}

impl FaceModels {
    fn normalisation(&self, role: ModelRole) -> Normalisation {
        let found = self.normalisations.iter().find(|(of, _)| *of == role);
        found.map_or(Normalisation::NONE, |(_, normalisation)| *normalisation)
    }
}

/// The real [`Analyzer`], on any [`Engine`].
#[derive(Debug)]
pub struct FaceAnalyzer<E> {
    engine: E,
    models: FaceModels,
    limits: ImageLimits,
}

/// A detection that can be worked with, and its aligned crop.
struct Candidate {
    bbox: BBox,
    detection: Detection,
    aligned: RgbImage,
}

/// The 106 and the 68 points of a face.
type Landmarks = (Vec<[f32; 2]>, Vec<[f32; 3]>);

impl<E: Engine> FaceAnalyzer<E> {
    /// An analyzer whose engine has models with the inputs that their roles ask for.
    pub fn new(engine: E, models: FaceModels, limits: ImageLimits) -> Result<Self, EngineError> {
        for role in ModelRole::ALL {
            let [_, channels, height, width] = engine.input_shape(role);
            let side_fits = match role {
                ModelRole::Detection => true,
                ModelRole::Recognition => height.is_none_or(|side| side % 112 == 0 || side % 128 == 0),
                ModelRole::Landmarks106 | ModelRole::Landmarks68 => height.is_none_or(|side| side % 2 == 0),
            };
            if channels.is_some_and(|channels| channels != 3) || height != width || !side_fits {
                let reason = format!("its input is {:?}", engine.input_shape(role));
                return Err(EngineError::Signature { role, reason });
            }
        }
        Ok(Self { engine, models, limits })
    }

    /// Whether the engine gives the numbers of `reference`.
    pub fn self_test(&mut self, reference: &Reference) -> Result<(), SelfTestError> {
        let models = &self.models;
        reference.compare(&mut self.engine, |role| models.normalisation(role))
    }

    /// What the engine gives, for comparing others with it.
    pub fn measure(&mut self) -> Result<Reference, SelfTestError> {
        let models = &self.models;
        Reference::measure(&mut self.engine, |role| models.normalisation(role))
    }

    /// Does one task with a photo; what was detected for an earlier task is in `found`.
    fn task(&mut self, photo: &RgbImage, task: &Task, found: &mut Found) -> Result<TaskResult, ItemFailure> {
        match task {
            Task::AnalyzeFaces(task) => self.analysis(photo, task, found).map(TaskResult::Faces),
            Task::CountFaces(task) => self.count(photo, task, found).map(TaskResult::Count),
        }
    }

    fn analysis(
        &mut self,
        photo: &RgbImage,
        task: &AnalyzeFaces,
        found: &mut Found,
    ) -> Result<FaceAnalysis, ItemFailure> {
        let (contract, landmarks_contract) = contracts::of_analysis(&self.models.pack, task)?;
        let detecting = Detecting::new(contract.det_size, [task.det_threshold, task.nms_threshold]);
        let detections = self.detect(photo, detecting, found)?;
        let faces = self.faces(photo, detections)?;
        let (width, height) = photo.dimensions();
        Ok(FaceAnalysis { contract, landmarks_contract, width, height, faces })
    }

    fn count(
        &mut self,
        photo: &RgbImage,
        task: &CountFaces,
        found: &mut Found,
    ) -> Result<facesets_core::FaceCount, ItemFailure> {
        let mut sizes = Vec::new();
        for contract in contracts::of_count(&self.models.pack, task)? {
            let detecting = Detecting::new(contract.det_size, [task.det_threshold, task.nms_threshold]);
            let detections = self.detect(photo, detecting, found)?;
            let faces = detections.iter().filter_map(|detection| {
                let bbox = bbox_of(detection)?;
                Some(DetectedFace { bbox, det_score: detection.score })
            });
            sizes.push(Detections { contract, faces: faces.collect() });
        }
        let (width, height) = photo.dimensions();
        Ok(facesets_core::FaceCount { width, height, sizes })
    }

    fn faces(&mut self, photo: &RgbImage, detections: Vec<Detection>) -> Result<Vec<Face>, ItemFailure> {
        let side = self.side(ModelRole::Recognition, ARCFACE_SIDE);
        let candidates: Vec<Candidate> =
            detections.into_iter().filter_map(|detection| usable(photo, detection, side)).collect();
        let embeddings = self.embed(&candidates)?;
        let landmarks = self.landmarks(photo, &candidates)?;

        let parts = candidates.into_iter().zip(embeddings).zip(landmarks);
        let faces = parts.map(|((candidate, embedding), (landmarks_106, landmarks_68))| Face {
            blur: laplacian_variance(photo, &candidate.bbox),
            bbox: candidate.bbox,
            det_score: candidate.detection.score,
            keypoints: candidate.detection.keypoints,
            embedding,
            landmarks_106,
            landmarks_68,
        });
        Ok(faces.collect())
    }

    fn detect(
        &mut self,
        photo: &RgbImage,
        detecting: Detecting,
        found: &mut Found,
    ) -> Result<Vec<Detection>, ItemFailure> {
        if let Some(detections) = found.get(detecting) {
            return Ok(detections);
        }
        let side = detecting.det_size;
        let fitted = letterbox(photo, side);
        let mut input = Vec::new();
        append_nchw(&mut input, &fitted.canvas, self.models.normalisation(ModelRole::Detection));
        let shape = [1, 3, side as usize, side as usize];
        let outputs = self.engine.run(ModelRole::Detection, shape, &input).map_err(from_engine)?;
        let outputs: Vec<&[f32]> = outputs.iter().map(|output| output.values.as_slice()).collect();
        let detections = decode(&outputs, side, fitted.scale, detecting.det_threshold()).map_err(internal)?;
        if let Some(odd) = detections.iter().find(|detection| detection.score > 1.0) {
            return Err(internal(format!("the detector gave a confidence of {}", odd.score)));
        }
        let detections = suppress(detections, detecting.nms_threshold());
        if detections.len() > MAX_FACES {
            let count = detections.len();
            return Err(internal(format!(
                "{count} detections, more than the {MAX_FACES} that fit one reply"
            )));
        }
        found.put(detecting, &detections);
        Ok(detections)
    }

    fn embed(&mut self, candidates: &[Candidate]) -> Result<Vec<FaceEmbedding>, ItemFailure> {
        let crops: Vec<&RgbImage> = candidates.iter().map(|candidate| &candidate.aligned).collect();
        let rows = self.run_crops(ModelRole::Recognition, &crops)?;
        rows.iter().map(|row| FaceEmbedding::from_raw(row).map_err(internal)).collect()
    }

    /// The 106 and the 68 landmarks of every candidate.
    fn landmarks(
        &mut self,
        photo: &RgbImage,
        candidates: &[Candidate],
    ) -> Result<Vec<Landmarks>, ItemFailure> {
        let [side_106, side_68] =
            [ModelRole::Landmarks106, ModelRole::Landmarks68].map(|role| self.side(role, LANDMARK_SIDE));
        let crops_106 = landmark_crops(photo, candidates, side_106)?;
        let rows_106 = self.run_crops(ModelRole::Landmarks106, &pixels(&crops_106))?;
        // In every known pack the two networks look at the same crop.
        let crops_68 =
            if side_68 == side_106 { crops_106.clone() } else { landmark_crops(photo, candidates, side_68)? };
        let rows_68 = self.run_crops(ModelRole::Landmarks68, &pixels(&crops_68))?;

        let rows = crops_106.iter().zip(&rows_106).zip(crops_68.iter().zip(&rows_68));
        rows.map(|(((crop_106, _), row_106), ((crop_68, _), row_68))| {
            let points_106 = crop_106.points_106(row_106).map_err(internal)?;
            let points_68 = crop_68.points_68(row_68).map_err(internal)?;
            let finite =
                points_106.as_flattened().iter().chain(points_68.as_flattened()).all(|v| v.is_finite());
            if finite { Ok((points_106, points_68)) } else { Err(internal("a landmark is not finite")) }
        })
        .collect()
    }

    /// One row of output values a crop, run in batches of what the model takes.
    fn run_crops(&mut self, role: ModelRole, crops: &[&RgbImage]) -> Result<Vec<Vec<f32>>, ItemFailure> {
        let normalisation = self.models.normalisation(role);
        let batch_len = self.engine.input_shape(role)[0].unwrap_or(MAX_BATCH);
        let mut rows = Vec::new();
        for batch in crops.chunks(batch_len) {
            let mut input = Vec::new();
            for crop in batch {
                append_nchw(&mut input, crop, normalisation);
            }
            let (width, height) = batch[0].dimensions();
            // A model with a fixed batch gets it, filled up with zeros.
            let len = self.engine.input_shape(role)[0].unwrap_or(batch.len());
            input.resize(len * 3 * (width * height) as usize, 0.0);
            let shape = [len, 3, height as usize, width as usize];
            let outputs = self.engine.run(role, shape, &input).map_err(from_engine)?;
            rows.extend(split_rows(role, &outputs, len)?.take(batch.len()));
        }
        Ok(rows)
    }

    fn side(&self, role: ModelRole, otherwise: u32) -> u32 {
        self.engine.input_shape(role)[2].map_or(otherwise, |side| side as u32)
    }
}

impl<E: Engine> Analyzer for FaceAnalyzer<E> {
    fn analyze(&mut self, bytes: &[u8], tasks: &[Task]) -> Result<Analysis, ItemFailure> {
        let started = Instant::now();
        tasks.iter().try_for_each(|task| contracts::check(&self.models.pack, task))?;
        let photo = decode_upright(bytes, &self.limits).map_err(from_decode)?;
        let decode = started.elapsed();
        let mut found = Found::default();
        let results: Vec<TaskResult> =
            tasks.iter().map(|task| self.task(&photo, task, &mut found)).collect::<Result<_, _>>()?;
        let faces: usize = results.iter().map(analysed_faces).sum();
        if faces > MAX_FACES {
            return Err(internal(format!("{faces} faces, more than the {MAX_FACES} that fit one reply")));
        }
        Ok(Analysis { results, decode, infer: started.elapsed().saturating_sub(decode) })
    }
}

/// Faces with everything, which are what makes a reply large.
fn analysed_faces(result: &TaskResult) -> usize {
    match result {
        TaskResult::Faces(analysis) => analysis.faces.len(),
        TaskResult::Count(_) => 0,
    }
}

/// A warning and nothing if the detection's corners span no box.
fn bbox_of(detection: &Detection) -> Option<BBox> {
    let bbox = BBox::new(detection.corners);
    if bbox.is_err() {
        tracing::warn!(corners = ?detection.corners, "a detection is dropped: its corners span no box");
    }
    bbox.ok()
}

/// The detection as a box with its crop; a warning and nothing if it spans none.
fn usable(photo: &RgbImage, detection: Detection, side: u32) -> Option<Candidate> {
    let bbox = bbox_of(&detection)?;
    let finite = detection.keypoints.as_flattened().iter().all(|v| v.is_finite());
    let Some(aligned) = finite.then(|| align(photo, &detection.keypoints, side)).flatten() else {
        tracing::warn!(corners = ?detection.corners, "a detection is dropped: its keypoints cannot be aligned");
        return None;
    };
    Some(Candidate { bbox, detection, aligned })
}

fn landmark_crops(
    photo: &RgbImage,
    candidates: &[Candidate],
    side: u32,
) -> Result<Vec<(LandmarkCrop, RgbImage)>, ItemFailure> {
    let crops = candidates.iter().map(|candidate| {
        let crop = LandmarkCrop::about(&candidate.bbox, side)
            .ok_or_else(|| internal(format!("{:?} is too vast for a crop", candidate.bbox)))?;
        Ok((crop, crop.cut(photo)))
    });
    crops.collect()
}

fn pixels(crops: &[(LandmarkCrop, RgbImage)]) -> Vec<&RgbImage> {
    crops.iter().map(|(_, pixels)| pixels).collect()
}

/// The only output of a model, cut into one row an input.
fn split_rows(
    role: ModelRole,
    outputs: &[Tensor],
    len: usize,
) -> Result<impl Iterator<Item = Vec<f32>> + use<>, ItemFailure> {
    let [output] = outputs else {
        return Err(internal(format!(
            "the {} model has {} outputs instead of one",
            role.word(),
            outputs.len()
        )));
    };
    if output.shape.first() != Some(&len) || output.values.is_empty() {
        return Err(internal(format!(
            "the {} model answered {len} inputs with {:?}",
            role.word(),
            output.shape
        )));
    }
    let row_len = output.values.len() / len;
    Ok(output.values.chunks_exact(row_len).map(<[f32]>::to_vec).collect::<Vec<_>>().into_iter())
}
