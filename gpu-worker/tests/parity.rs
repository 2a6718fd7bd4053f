//! The worker's numbers against `InsightFace` Python's, on real photos with the open pack.
//!
//! The golden numbers are in `tests/fixtures/golden`; photos, models and runtime come from `scripts/setup`
//! (`.setup`, or the folder that `FACESETS_TEST_SETUP` names). The photos of `../shared/photos` are compared
//! when that folder is there.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests are tests")]

mod common;

use std::{fs, path::Path, sync::Arc};

use facesets_core::{
    DetectedFace, Face, FaceAnalysis, ImageLimits, Pose, Sha256Digest,
    contract::DEFAULT_DET_SIZE,
    face::Keypoints,
    wire::{AnalyzeFaces, CountFaces, TaskResult},
};
use facesets_worker::{
    analyzer::{Analyzer, PackBuilder},
    engine::{Provider, RUNTIME_FILE, ort::Runtime},
    model_pack::Pack,
};
use serde_json::Value;

use common::setup;

/// Largest differences seen over a set of photos.
#[derive(Debug, Default)]
struct Worst {
    faces: usize,
    box_px: f64,
    keypoints_px: f64,
    landmarks_106_px: f64,
    landmarks_68_px: f64,
    det_score: f64,
    pose_degrees: f64,
    /// 1 − cosine of the embeddings.
    cosine_distance: f64,
}

fn analyzer(setup: &Path) -> (impl Analyzer + use<>, AnalyzeFaces, CountFaces) {
    let runtime = setup.join("onnxruntime").join(RUNTIME_FILE);
    let runtime = Runtime::load(&std::path::absolute(runtime).unwrap(), Provider::Cpu).unwrap();
    let pack = Pack::open(&setup.join("models"), "open").unwrap();
    let contract = pack.info().face_contract(DEFAULT_DET_SIZE).unwrap();
    let sizes = [DEFAULT_DET_SIZE, 320].map(|size| pack.info().count_contract(size).unwrap());
    let limits = ImageLimits::default();
    let builder = PackBuilder { pack, runtime, threads: 1, limits, meter: Arc::default() };
    (builder.build().unwrap(), AnalyzeFaces::new("open", contract), CountFaces::new("open", sizes.to_vec()))
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().unwrap()],
    }
}

fn largest_difference(found: impl IntoIterator<Item = f32>, golden: &Value) -> f64 {
    let (found, golden): (Vec<f64>, _) = (found.into_iter().map(f64::from).collect(), numbers(golden));
    assert_eq!(found.len(), golden.len());
    // `f64::max` would pass over NaN.
    assert!(found.iter().all(|value| value.is_finite()), "{found:?}");
    found.iter().zip(&golden).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn cosine_distance(found: &[f32], golden: &[f64]) -> f64 {
    let dot: f64 = found.iter().zip(golden).map(|(a, b)| f64::from(*a) * b).sum();
    let norm = |squares: f64| squares.sqrt();
    let found = norm(found.iter().map(|v| f64::from(*v).powi(2)).sum());
    let golden = norm(golden.iter().map(|v| v * v).sum());
    let distance = 1.0 - dot / (found * golden);
    assert!(distance.is_finite());
    distance
}

impl Worst {
    fn see(&mut self, face: &Face, golden: &Value) {
        let flat = |points: &Keypoints| points.as_flattened().to_vec();
        let pose = Pose::from_landmarks_68(&face.landmarks_68).unwrap();
        let grow = |worst: &mut f64, now: f64| *worst = worst.max(now);
        self.faces += 1;
        grow(&mut self.box_px, largest_difference(face.bbox.corners(), &golden["bbox"]));
        grow(&mut self.keypoints_px, largest_difference(flat(&face.keypoints), &golden["kps"]));
        let points = face.landmarks_106.as_flattened().to_vec();
        grow(&mut self.landmarks_106_px, largest_difference(points, &golden["landmark_2d_106"]));
        let points = face.landmarks_68.as_flattened().to_vec();
        grow(&mut self.landmarks_68_px, largest_difference(points, &golden["landmark_3d_68"]));
        grow(&mut self.det_score, largest_difference([face.det_score], &golden["det_score"]));
        grow(&mut self.pose_degrees, largest_difference([pose.pitch, pose.yaw, pose.roll], &golden["pose"]));
        let distance = cosine_distance(face.embedding.unit.as_slice(), &numbers(&golden["embedding"]));
        grow(&mut self.cosine_distance, distance);
    }
}

fn detected(analysis: &FaceAnalysis) -> Vec<DetectedFace> {
    analysis.faces.iter().map(|face| DetectedFace { bbox: face.bbox, det_score: face.det_score }).collect()
}

fn compare(golden: &str, photos: &Path) -> Worst {
    let (mut analyzer, task, count) = analyzer(&setup());
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/golden").join(golden);
    let golden: Value = serde_json::from_slice(&fs::read(golden).unwrap()).unwrap();
    assert_eq!(
        golden["models"]["detection"],
        task.contract.detector.to_string(),
        "golden numbers of another pack"
    );
    let mut worst = Worst::default();
    for image in golden["images"].as_array().unwrap() {
        let name = image["name"].as_str().unwrap();
        let bytes =
            fs::read(photos.join(name)).unwrap_or_else(|e| panic!("{name}: {e}; run scripts/setup --tests"));
        assert_eq!(image["sha256"], Sha256Digest::of(&bytes).to_string(), "{name} is another photo");
        let tasks = [task.clone().into(), count.clone().into()];
        let results = analyzer.analyze(&bytes, &tasks).unwrap_or_else(|e| panic!("{name}: {e}")).results;
        let [TaskResult::Faces(analysis), TaskResult::Count(counted)] = &results[..] else {
            panic!("{results:?}")
        };
        // A count at the analysis's size sees the very same detections; alone it is asked for below.
        assert_eq!(counted.sizes[0].faces, detected(analysis), "{name}");
        let alone = analyzer.analyze(&bytes, &tasks[1..]).unwrap().results;
        assert_eq!(alone, results[1..], "{name}");
        assert_eq!(image["width"], analysis.width, "{name}");
        assert_eq!(image["height"], analysis.height, "{name}");
        let faces = image["faces"].as_array().unwrap();
        assert_eq!(analysis.faces.len(), faces.len(), "faces in {name}");
        for (face, golden) in analysis.faces.iter().zip(faces) {
            worst.see(face, golden);
        }
    }
    println!("{worst:#?}");
    worst
}

fn assert_within_bounds(worst: &Worst) {
    assert!(worst.faces > 0);
    assert!(worst.box_px <= 0.01 && worst.keypoints_px <= 0.01, "{worst:#?}");
    assert!(worst.landmarks_106_px <= 0.05 && worst.landmarks_68_px <= 0.05, "{worst:#?}");
    assert!(worst.det_score <= 1e-4 && worst.pose_degrees <= 0.1, "{worst:#?}");
    assert!(worst.cosine_distance <= 1e-5, "{worst:#?}");
}

#[test]
fn the_sample_photos_give_insightfaces_numbers() {
    assert_within_bounds(&compare("open-pack-sample.json", &setup().join("photos")));
}

#[test]
fn the_shared_photos_give_insightfaces_numbers_where_they_are() {
    let photos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/photos");
    if photos.is_dir() {
        assert_within_bounds(&compare("open-pack-shared-photos.json", &photos));
    }
}
