//! Packs that are loaded, kept and unloaded, on a device that computes nothing.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use facesets_core::{
    ImageLimits, Sha256Digest,
    wire::{AnalyzeFaces, ModelRole},
};
use serde_json::json;

use super::*;
use crate::{
    analyzer::{BuildError, Common, FaceAnalyzer, FaceModels},
    device::InPlace,
    engine::{EngineError, RoleWord as _, RunFailure, Simulated},
};

const MINUTE: Duration = Duration::from_mins(1);

/// A folder with packs of different models.
fn models(names: &[&str]) -> tempfile::TempDir {
    let models = tempfile::tempdir().unwrap();
    for name in names {
        write_pack(models.path(), name);
    }
    models
}

fn write_pack(models: &Path, name: &str) {
    let files = ModelRole::FACE.map(|role| {
        let sha256 = Sha256Digest::of(format!("{name} {role:?}").as_bytes()).to_string();
        (role.word(), json!({"file": role.word(), "bytes": 1, "sha256": sha256}))
    });
    let manifest = json!({
        "schema": crate::model_pack::SCHEMA, "name": name, "licence": "", "source": "",
        "models": serde_json::Map::from_iter(files.map(|(word, file)| (word.to_owned(), file))),
    });
    fs::create_dir(models.join(name)).unwrap();
    fs::write(models.join(name).join("pack.json"), manifest.to_string()).unwrap();
}

/// Packs with `a` as the one that stays, and how often any was loaded. `bad` cannot be.
fn packs(models: &Path, max: usize) -> (Arc<Packs>, Arc<AtomicUsize>) {
    let loads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&loads);
    let loader = move |pack: Pack| {
        counted.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(20));
        if pack.info().name == "bad" {
            let (role, reason) = (ModelRole::Detection, "as asked".to_owned());
            return Err(
                BuildError::Engine(EngineError::Load { role, cause: RunFailure::Other, reason }).into()
            );
        }
        let info = pack.info().clone();
        Loaded::new(&pack, move || {
            let device = InPlace::new(Simulated { per_batch: Duration::ZERO, faces: 0 }, Arc::default());
            let models = FaceModels { pack: info.clone(), normalisations: Vec::new() };
            let device: Box<dyn crate::device::Device + Send> = Box::new(device);
            let common = Common::new(models, ImageLimits::default(), Arc::default());
            Ok(FaceAnalyzer::new(device, common)?)
        })
    };
    let bounds = Bounds { max_loaded: NonZeroUsize::new(max).unwrap(), idle: MINUTE };
    let packs = Packs::start(models.to_owned(), vec!["a".to_owned()], bounds, Box::new(loader)).unwrap();
    (packs, loads)
}

fn task(models: &Path, name: &str) -> Task {
    let pack = Pack::open(models, name).unwrap();
    AnalyzeFaces::new(name, pack.info().face_contract(640).unwrap()).into()
}

fn states(packs: &Packs) -> Vec<(String, PackState)> {
    packs.describe().into_iter().map(|pack| (pack.name, pack.state)).collect()
}

#[test]
fn a_pack_is_loaded_when_it_is_asked_for_and_the_one_used_longest_ago_makes_room() {
    use PackState::{Available, Default, Loaded};
    let models = models(&["a", "b", "c"]);
    let (packs, loads) = packs(models.path(), 2);
    let is = |expected: [PackState; 3]| {
        let mut found = states(&packs);
        found.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(found.into_iter().map(|(_, state)| state).collect::<Vec<_>>(), expected);
    };
    is([Default, Available, Available]);
    for (name, expected) in [
        ("b", [Default, Loaded, Available]),
        ("c", [Default, Available, Loaded]),
        ("a", [Default, Available, Loaded]),
    ] {
        assert_eq!(packs.lend(&task(models.path(), name)).unwrap().info().name, name);
        is(expected);
    }
    assert_eq!(states(&packs)[0].0, "a");
    assert_eq!(loads.load(Ordering::SeqCst), 3);
}

#[test]
fn what_is_at_work_stays_and_who_finds_no_place_may_try_again() {
    let models = models(&["a", "b", "c"]);
    let (packs, _) = packs(models.path(), 2);
    let at_work = packs.lend(&task(models.path(), "b")).unwrap();
    let failure = packs.lend(&task(models.path(), "c")).map(drop).unwrap_err();
    assert!(failure.kind.is_retryable() && failure.message.contains("--max-packs"), "{failure:?}");
    packs.sweep(Instant::now() + 2 * MINUTE);
    assert!(states(&packs).contains(&("b".to_owned(), PackState::Loaded)));
    drop(at_work);
    packs.lend(&task(models.path(), "c")).unwrap();
}

#[test]
fn an_idle_pack_leaves_and_those_named_at_start_stay() {
    let models = models(&["a", "b"]);
    let (packs, _) = packs(models.path(), 3);
    packs.lend(&task(models.path(), "b")).unwrap();
    packs.sweep(Instant::now() + MINUTE / 2);
    assert_eq!(states(&packs)[1], ("b".to_owned(), PackState::Loaded));
    packs.sweep(Instant::now() + 2 * MINUTE);
    assert_eq!(states(&packs)[0], ("a".to_owned(), PackState::Default));
    assert_eq!(states(&packs)[1], ("b".to_owned(), PackState::Available));
}

#[test]
fn a_pack_of_another_contract_or_of_no_folder_is_refused_without_loading_any() {
    let models = models(&["a", "b"]);
    let (packs, loads) = packs(models.path(), 3);
    let Task::AnalyzeFaces(asked) = task(models.path(), "a") else { panic!() };
    for name in ["b", "nope"] {
        let failure = packs.lend(&AnalyzeFaces::new(name, asked.contract).into()).map(drop).unwrap_err();
        assert_eq!(failure.kind, ItemFailureKind::ContractMismatch);
        if name == "nope" {
            assert!(failure.message.contains("has `a`, `b`"), "{failure:?}");
        }
    }
    assert_eq!(loads.load(Ordering::SeqCst), 1);
}

#[test]
fn a_pack_that_cannot_be_loaded_is_not_tried_again_for_every_item() {
    let models = models(&["a", "bad"]);
    let (packs, loads) = packs(models.path(), 3);
    for _ in 0..3 {
        let failure = packs.lend(&task(models.path(), "bad")).map(drop).unwrap_err();
        assert!(failure.message.contains("as asked"), "{failure:?}");
    }
    assert_eq!(loads.load(Ordering::SeqCst), 2);
}

#[test]
fn lanes_that_ask_at_once_wait_for_one_loading() {
    let models = models(&["a", "b"]);
    let (packs, loads) = packs(models.path(), 3);
    let task = task(models.path(), "b");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| packs.lend(&task).unwrap());
        }
    });
    assert_eq!(loads.load(Ordering::SeqCst), 2);
}
