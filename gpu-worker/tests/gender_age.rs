//! Gender and age against `InsightFace` Python's crop, normalisation and rounding, on real photos with the
//! stand-in for its model.
//!
//! Its answers mean nothing, but every one of them changes with the order of the channels, the place and the
//! size of the crop and the scale of the levels. The golden numbers are written by `scripts/golden`.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::{
    fs,
    path::Path,
    sync::{Arc, LazyLock},
};

use facesets_core::{
    Gender, GenderAges, ImageLimits, Sha256Digest,
    contract::DEFAULT_DET_SIZE,
    wire::{AnalyzeFaces, ItemFailureKind, TaskResult},
};
use facesets_worker::{
    analyzer::{Analyzer, PackBuilder},
    engine::{Provider, RUNTIME_FILE, Shapes, Target, ort::Runtime},
    meter::{Meter, Stage},
    model_pack::Pack,
};
use serde_json::Value;

use common::setup;

const STAND_IN: &str = "gender-age-standin";

/// Largest difference of an answer: the answers are tenths apart, and a level of a pixel is a four-thousandth
/// of one.
const TOLERANCE: f64 = 0.001;

fn builder(pack: &str, shapes: Shapes, meter: &Arc<Meter>) -> PackBuilder {
    // A process loads it once.
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let path = std::path::absolute(setup().join("onnxruntime").join(RUNTIME_FILE)).unwrap();
        Runtime::load(&path, Provider::Cpu).unwrap()
    });
    let runtime = RUNTIME.on(Target { shapes, ..Target::new(Provider::Cpu) }).unwrap();
    let pack = Pack::open(&setup().join("models"), pack).unwrap();
    PackBuilder { pack, runtime, threads: 1, limits: ImageLimits::default(), meter: Arc::clone(meter) }
}

/// An analyzer as a lane has it: tested but for the optional model.
fn lane(builder: &PackBuilder) -> impl Analyzer + use<> {
    builder.build_tested(&builder.reference().unwrap(), builder.common().unwrap()).unwrap()
}

fn task(builder: &PackBuilder) -> AnalyzeFaces {
    let pack = builder.pack.info();
    let gender_age = pack.gender_age_contract(DEFAULT_DET_SIZE);
    let contract = pack.face_contract(DEFAULT_DET_SIZE).unwrap();
    AnalyzeFaces { gender_age, ..AnalyzeFaces::new(&pack.name, contract) }
}

fn golden() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/golden/gender-age-sample.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn estimates(analyzer: &mut impl Analyzer, photo: &[u8], task: &AnalyzeFaces) -> GenderAges {
    let results = analyzer.analyze(photo, &[task.clone().into()]).unwrap().results;
    let [TaskResult::Faces(analysis)] = &results[..] else { panic!("{results:?}") };
    analysis.gender_age.as_deref().unwrap().clone()
}

#[test]
fn the_sample_photos_give_insightfaces_gender_and_age() {
    let golden = golden();
    for shapes in [Shapes::Dynamic, Shapes::Fixed] {
        let builder = builder(STAND_IN, shapes, &Arc::default());
        let task = task(&builder);
        let contract = task.gender_age.unwrap();
        assert_eq!(golden["models"]["gender_age"], contract.gender_age.to_string(), "another stand-in");
        let mut analyzer = lane(&builder);
        let (mut faces, mut worst) = (0, 0.0f64);
        for image in golden["images"].as_array().unwrap() {
            let name = image["name"].as_str().unwrap();
            let bytes = fs::read(setup().join("photos").join(name)).unwrap();
            assert_eq!(image["sha256"], Sha256Digest::of(&bytes).to_string(), "{name} is another photo");
            let found = estimates(&mut analyzer, &bytes, &task);
            let expected = image["faces"].as_array().unwrap();
            assert_eq!((found.contract, found.faces.len()), (contract, expected.len()), "{name}");
            for (found, expected) in found.faces.iter().zip(expected) {
                for (index, number) in [found.female, found.male, found.age].into_iter().enumerate() {
                    let difference = (f64::from(number) - expected["raw"][index].as_f64().unwrap()).abs();
                    assert!(difference <= TOLERANCE, "{name}: {found:?}, expected {expected}");
                    worst = worst.max(difference);
                }
                let gender = if expected["gender"] == 1 { Gender::Male } else { Gender::Female };
                assert_eq!(found.gender(), gender, "{name}: {found:?}");
                assert!((f64::from(found.years()) - expected["age"].as_f64().unwrap()).abs() <= 0.6);
                faces += 1;
            }
        }
        assert!(faces > 40, "{faces} faces, worst {worst}");
    }
}

#[test]
fn nothing_is_estimated_unless_somebody_asks_and_the_faces_are_the_same_bits() {
    let photo = fs::read(setup().join("photos/2018/group/t1.jpg")).unwrap();
    let analysed = |pack: &str, asked: bool| {
        let meter = Arc::new(Meter::default());
        let builder = builder(pack, Shapes::Dynamic, &meter);
        let mut task = task(&builder);
        task.gender_age = task.gender_age.filter(|_| asked);
        let results = lane(&builder).analyze(&photo, &[task.into()]).unwrap().results;
        let [TaskResult::Faces(analysis)] = &results[..] else { panic!("{results:?}") };
        (analysis.clone(), meter.tally(Stage::GenderAge).inputs)
    };
    let (without, none) = analysed("open", false);
    let (silent, nothing) = analysed(STAND_IN, false);
    let (asked, run) = analysed(STAND_IN, true);
    assert_eq!((none, nothing), (0, 0));
    assert_eq!(run, without.faces.len() as u64);
    assert_eq!((&without.gender_age, &silent.gender_age), (&None, &None));
    assert_eq!(asked.gender_age.unwrap().faces.len(), without.faces.len());
    // What is stored is the same with and without the model, and under the same contract.
    for other in [(silent.contract, silent.faces), (asked.contract, asked.faces)] {
        assert_eq!((without.contract, without.faces.clone()), other);
    }
}

#[test]
fn a_pack_without_the_model_refuses_to_estimate() {
    let [with, without] = [STAND_IN, "open"].map(|pack| builder(pack, Shapes::Dynamic, &Arc::default()));
    let asked = AnalyzeFaces { pack: "open".to_owned(), ..task(&with) };
    assert_eq!(task(&without).gender_age, None);
    let failure = lane(&without).analyze(b"not looked at", &[asked.into()]).unwrap_err();
    assert_eq!(failure.kind, ItemFailureKind::ContractMismatch);
    assert!(failure.message.contains("lacks the model"), "{failure}");
}
