//! The analyzer on an engine of numbers made up, so that every output is known.

use std::sync::Arc;

use facesets_core::{
    FaceAnalysis, FaceCount, GenderAge, ImageLimits, Sha256Digest,
    wire::{AnalyzeFaces, CountFaces, ItemFailureKind, ModelInfo, ModelRole, PackInfo, PackState},
};

use super::*;
use crate::{
    device::InPlace,
    engine::{Engine, EngineError, InputShape, RunFailure, Tensor},
    meter::Meter,
    vision::Normalisation,
};

/// Finds one face of a given width in every image, and answers for it with given values.
#[derive(Clone, Copy)]
struct Fake {
    box_width: f32,
    score: f32,
    embedding: f32,
    landmark: f32,
    estimate: f32,
    fails: Option<RunFailure>,
}

const SOUND: Fake =
    Fake { box_width: 2.0, score: 0.9, embedding: 0.5, landmark: 0.0, estimate: 0.25, fails: None };

impl Engine for Fake {
    fn input_shape(&self, role: ModelRole) -> InputShape {
        match role {
            ModelRole::Detection => [Some(1), Some(3), None, None],
            ModelRole::Recognition => [None, Some(3), Some(112), Some(112)],
            // A fixed batch, to see it filled up.
            ModelRole::Landmarks106 | ModelRole::Landmarks68 => [Some(2), Some(3), Some(192), Some(192)],
            ModelRole::GenderAge => [None, Some(3), Some(96), Some(96)],
            ModelRole::ClipVisual => [None; 4],
        }
    }

    fn run(
        &mut self,
        role: ModelRole,
        shape: [usize; 4],
        values: &[f32],
    ) -> Result<Vec<Tensor>, EngineError> {
        assert_eq!(values.len(), shape.iter().product::<usize>());
        if let Some(cause) = self.fails {
            return Err(EngineError::Run { role, cause, reason: "as asked".to_owned() });
        }
        let row = |len: usize, value: f32| {
            vec![Tensor { shape: vec![shape[0], len], values: vec![value; shape[0] * len] }]
        };
        Ok(match role {
            ModelRole::Detection => self.detection(shape[2]),
            ModelRole::Recognition => row(512, self.embedding),
            ModelRole::Landmarks106 => row(212, self.landmark),
            ModelRole::Landmarks68 => row(3309, self.landmark),
            ModelRole::ClipVisual => row(768, self.embedding),
            ModelRole::GenderAge => row(3, self.estimate),
        })
    }
}

impl Fake {
    /// In the first cell of the finest grid.
    fn detection(self, side: usize) -> Vec<Tensor> {
        let mut outputs = Vec::new();
        for per in [1, 4, 10] {
            for stride in [8, 16, 32] {
                let len = (side / stride).pow(2) * 2 * per;
                outputs.push(Tensor { shape: vec![len / per, per], values: vec![0.0; len] });
            }
        }
        outputs[0].values[0] = self.score;
        outputs[3].values[..4].copy_from_slice(&[0.0, 0.0, self.box_width, 2.0]);
        outputs[6].values[..10].copy_from_slice(&[0.5, 0.5, 1.5, 0.5, 1.0, 1.0, 0.5, 1.5, 1.5, 1.5]);
        outputs
    }
}

/// A grey bitmap of 64 × 64.
fn photo() -> Vec<u8> {
    let pixels = 64 * 64 * 3u32;
    let mut bytes = b"BM".to_vec();
    for value in [54 + pixels, 0, 54, 40, 64, 64, 1 | 24 << 16, 0, pixels, 0, 0, 0, 0] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.resize(54 + pixels as usize, 120);
    bytes
}

fn pack() -> PackInfo {
    let sha256 = Sha256Digest::of(b"a model");
    let roles = ModelRole::FACE.into_iter().chain(ModelRole::OPTIONAL);
    let models = roles.map(|role| ModelInfo { role, file: "x".to_owned(), sha256 });
    PackInfo {
        name: "fake".to_owned(),
        models: models.collect(),
        licence: String::new(),
        state: PackState::Default,
    }
}

fn task() -> AnalyzeFaces {
    AnalyzeFaces::new("fake", pack().face_contract(64).unwrap())
}

/// The same with gender and age.
fn estimating() -> AnalyzeFaces {
    AnalyzeFaces { gender_age: pack().gender_age_contract(64), ..task() }
}

fn count(sizes: &[u32]) -> CountFaces {
    CountFaces::new("fake", sizes.iter().map(|size| pack().count_contract(*size).unwrap()).collect())
}

fn run(engine: Fake, bytes: &[u8], tasks: &[Task]) -> Result<Vec<TaskResult>, ItemFailureKind> {
    let normalisations = ModelRole::FACE.map(|role| (role, Normalisation::NONE)).to_vec();
    let models = FaceModels { pack: pack(), normalisations };
    let limits = ImageLimits { max_bytes: 100_000, max_pixels: 5000 };
    let meter = Arc::new(Meter::default());
    let device = InPlace::new(engine, Arc::clone(&meter));
    let mut analyzer = FaceAnalyzer::new(device, Common::new(models, limits, meter)).unwrap();
    analyzer.analyze(bytes, tasks).map(|analysis| analysis.results).map_err(|failure| failure.kind)
}

fn analyze(engine: Fake, bytes: &[u8], task: &AnalyzeFaces) -> Result<FaceAnalysis, ItemFailureKind> {
    let mut results = run(engine, bytes, &[task.clone().into()])?;
    let Some(TaskResult::Faces(analysis)) = results.pop() else { panic!("{results:?}") };
    Ok(analysis)
}

fn counted(engine: Fake, task: CountFaces) -> Result<FaceCount, ItemFailureKind> {
    let mut results = run(engine, &photo(), &[task.into()])?;
    let Some(TaskResult::Count(count)) = results.pop() else { panic!("{results:?}") };
    Ok(count)
}

#[test]
fn a_face_comes_back_whole_in_the_photos_pixels() {
    let analysis = analyze(SOUND, &photo(), &task()).unwrap();
    assert_eq!((analysis.width, analysis.height, analysis.faces.len()), (64, 64, 1));
    let face = &analysis.faces[0];
    assert_eq!(face.bbox.corners().map(|v| v as i32), [0, 0, 16, 16]);
    assert_eq!((face.landmarks_106.len(), face.landmarks_68.len()), (106, 68));
    assert!((face.embedding.norm - 0.5 * 512f32.sqrt()).abs() < 1e-3);
    assert!(face.blur.abs() < f32::EPSILON);
}

#[test]
fn no_face_is_a_result_and_so_is_a_box_that_is_none() {
    for engine in [
        Fake { score: 0.1, ..SOUND },
        Fake { box_width: 0.0, ..SOUND },
        Fake { box_width: f32::NAN, ..SOUND },
    ] {
        assert_eq!(analyze(engine, &photo(), &task()).map(|analysis| analysis.faces.len()), Ok(0));
    }
}

#[test]
fn numbers_that_mean_nothing_are_a_defect_of_the_worker() {
    for engine in [
        Fake { embedding: f32::NAN, ..SOUND },
        Fake { embedding: 0.0, ..SOUND },
        Fake { landmark: f32::INFINITY, ..SOUND },
        Fake { score: 1.5, ..SOUND },
        Fake { fails: Some(RunFailure::Other), ..SOUND },
    ] {
        assert_eq!(analyze(engine, &photo(), &task()), Err(ItemFailureKind::Internal));
    }
}

#[test]
fn a_runtimes_failure_keeps_its_kind() {
    for (cause, kind) in [
        (RunFailure::OutOfMemory, ItemFailureKind::OutOfMemory),
        (RunFailure::DeviceLost, ItemFailureKind::DeviceLost),
    ] {
        assert_eq!(analyze(Fake { fails: Some(cause), ..SOUND }, &photo(), &task()), Err(kind));
    }
}

#[test]
fn another_pack_contract_or_size_is_refused_before_decoding() {
    let right = task();
    let mut other_pack = right.clone();
    other_pack.pack = "other".to_owned();
    let mut other_model = right.clone();
    other_model.contract.recogniser = Sha256Digest::of(b"another");
    let mut odd_size = right.clone();
    odd_size.contract.det_size = 100;
    let mut other_estimates = estimating();
    other_estimates.gender_age.as_mut().unwrap().det_size = 128;
    for (task, kind) in [
        (other_pack, ItemFailureKind::ContractMismatch),
        (other_model, ItemFailureKind::ContractMismatch),
        (odd_size, ItemFailureKind::Unsupported),
        (other_estimates, ItemFailureKind::ContractMismatch),
    ] {
        assert_eq!(analyze(SOUND, b"not looked at", &task), Err(kind));
    }
}

#[test]
fn gender_and_age_are_estimated_for_every_face_where_they_are_asked_for_and_only_there() {
    assert_eq!(analyze(SOUND, &photo(), &task()).unwrap().gender_age, None);
    let found = analyze(SOUND, &photo(), &estimating()).unwrap();
    let estimates = found.gender_age.unwrap();
    assert_eq!(Some(estimates.contract), pack().gender_age_contract(64));
    assert_eq!(estimates.faces, [GenderAge { female: 0.25, male: 0.25, age: 0.25 }]);
    let nobody = analyze(Fake { score: 0.1, ..SOUND }, &photo(), &estimating()).unwrap();
    assert_eq!(nobody.gender_age.unwrap().faces, []);
    let broken = Fake { estimate: f32::NAN, ..SOUND };
    assert_eq!(analyze(broken, &photo(), &estimating()), Err(ItemFailureKind::Internal));
    assert!(analyze(broken, &photo(), &task()).is_ok());
}

#[test]
fn what_is_no_photo_or_too_large_says_so() {
    assert_eq!(analyze(SOUND, b"text", &task()), Err(ItemFailureKind::Decode));
    assert_eq!(analyze(SOUND, &vec![0; 100_001], &task()), Err(ItemFailureKind::TooLarge));
    let mut wide = photo();
    wide[18..22].copy_from_slice(&6400u32.to_le_bytes());
    assert_eq!(analyze(SOUND, &wide, &task()), Err(ItemFailureKind::TooLarge));
}

#[test]
fn a_count_gives_boxes_and_scores_at_every_size_asked_for() {
    let count = counted(SOUND, count(&[64, 128])).unwrap();
    assert_eq!((count.width, count.height), (64, 64));
    let boxes: Vec<_> = count.sizes.iter().map(|at| at.faces[0].bbox.corners().map(|v| v as i32)).collect();
    assert_eq!(boxes, [[0, 0, 16, 16], [0, 0, 8, 8]]);
    assert_eq!(count.sizes.iter().map(|at| at.contract.det_size).collect::<Vec<_>>(), [64, 128]);
    assert!(count.sizes.iter().all(|at| at.faces.len() == 1 && at.faces[0].det_score > 0.89));
}

#[test]
fn a_count_needs_no_recogniser_and_drops_a_box_that_is_none() {
    let broken = Fake { embedding: f32::NAN, landmark: f32::NAN, ..SOUND };
    assert_eq!(counted(broken, count(&[64])).map(|count| count.sizes[0].faces.len()), Ok(1));
    let flat = Fake { box_width: 0.0, ..SOUND };
    assert_eq!(counted(flat, count(&[64])).map(|count| count.sizes[0].faces.len()), Ok(0));
}

#[test]
fn several_tasks_are_answered_in_their_order_and_fail_together() {
    let tasks: [Task; 3] = [count(&[64]).into(), task().into(), count(&[96]).into()];
    let results = run(SOUND, &photo(), &tasks).unwrap();
    let kinds: Vec<_> = results.iter().map(|result| matches!(result, TaskResult::Faces(_))).collect();
    assert_eq!(kinds, [false, true, false]);
    let mut wrong = count(&[64]);
    wrong.contracts[0].preprocessing = 99;
    for (wrong, kind) in [
        (wrong, ItemFailureKind::ContractMismatch),
        (CountFaces { pack: "other".to_owned(), ..count(&[64]) }, ItemFailureKind::ContractMismatch),
        (count(&[100]), ItemFailureKind::Unsupported),
    ] {
        assert_eq!(run(SOUND, b"not looked at", &[task().into(), wrong.into()]), Err(kind));
    }
}
