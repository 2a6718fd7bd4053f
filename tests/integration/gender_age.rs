//! Gender and age of sets: estimated from the crops that are handed out where the pack has the model for it,
//! and said not to be known where it has not. The library comes from a pack without that model, which makes
//! no difference to anything else.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use facesets_core::{
    Gender, ImageLimits,
    contract::DEFAULT_DET_SIZE,
    wire::{AnalyzeFaces, TaskResult},
};
use facesets_tests::{
    armoured::Armoured,
    program::{NAMESAKE, Run, Workspace},
    python, setup,
};
use facesets_worker::{
    analyzer::{Analyzer as _, PackBuilder},
    engine::{Provider, ort::Runtime},
    model_pack::Pack,
};
use serde_json::{Value, json};

use crate::{
    certificate::{follows_its_schemas, list, refined_in, sets},
    changes::snapshot,
};

const STAND_IN: &str = "gender-age-standin";

/// What the programs of `read_formats.py` need.
const FORMATS: &str = "visomaster,rope,best,npy,reactor,parquet";

fn exported(workspace: &Workspace, corpus: &str, flags: &[&str]) -> Run {
    let run = workspace.ok([&["export-swap", "refined", corpus, "--format", FORMATS], flags].concat());
    workspace.ok(["verify", corpus]);
    follows_its_schemas(workspace, corpus);
    run
}

/// Gender and age in a set's ReActor model, as an independent reader reads them.
fn in_reactor_model(workspace: &Workspace, corpus: &str, set: &Value) -> (i64, i64) {
    let program = fs::read_to_string(setup::repository().join("scripts/python/read_formats.py")).unwrap();
    let name = set["name"].as_str().unwrap();
    let read = python::json(&program, &workspace.join(corpus).join(name));
    let number = |tensor: &str| {
        let [dtype, shape, bytes] = &list(&read["reactor"][tensor])[..] else { panic!("{read}") };
        assert_eq!((dtype, shape), (&json!("int64"), &json!([])), "{tensor}");
        let big_endian = u64::from_str_radix(bytes.as_str().unwrap(), 16).unwrap();
        i64::from_le_bytes(big_endian.to_be_bytes())
    };
    (number("gender"), number("age"))
}

/// Gender and years of the only face of each crop of a set, best first.
fn of_crops(home: &Path, set: &Value) -> Vec<(Gender, f32)> {
    // A process loads it once.
    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| Runtime::load(&setup::runtime(), Provider::Cpu).unwrap());
    let runtime = RUNTIME.clone();
    let pack = Pack::open(&setup::models(), STAND_IN).unwrap();
    let gender_age = pack.info().gender_age_contract(DEFAULT_DET_SIZE);
    let contract = pack.info().face_contract(DEFAULT_DET_SIZE).unwrap();
    let task = AnalyzeFaces { gender_age, ..AnalyzeFaces::new(STAND_IN, contract) };
    let (limits, meter) = (ImageLimits::default(), Arc::default());
    let mut analyzer = PackBuilder { pack, runtime, threads: 1, limits, meter }.build().unwrap();
    let mut of_crop = |face: &Value| {
        let png = fs::read(home.join(face["file"].as_str().unwrap())).unwrap();
        let results = analyzer.analyze(&png, &[task.clone().into()]).unwrap().results;
        let [TaskResult::Faces(analysis)] = &results[..] else { panic!("{results:?}") };
        let [estimate] = analysis.gender_age.as_ref().unwrap().faces[..] else { panic!("{analysis:?}") };
        (estimate.gender(), estimate.years())
    };
    list(&set["faces"]).iter().map(&mut of_crop).collect()
}

#[test]
fn the_crops_decide_gender_and_age_of_a_set_and_the_same_photos_give_the_same_bytes() {
    let workspace = refined_in(Workspace::with_worker(NAMESAKE), &setup::photos());
    let said = exported(&workspace, "ready", &["--pack", STAND_IN]);
    let ready = sets(&workspace, "ready");
    assert!(said.stdout.contains(&format!("gender and age estimated for {}\n", ready.len())), "{said}");
    let mut found = Vec::new();
    for set in &ready {
        let name = set["name"].as_str().unwrap();
        let crops = of_crops(&workspace.join("ready").join(name), set);
        let male = crops.iter().filter(|(gender, _)| *gender == Gender::Male).count();
        let mut years: Vec<f32> = crops.iter().map(|(_, years)| *years).collect();
        years.sort_by(f32::total_cmp);
        let middle = years.len() / 2;
        let median = if years.len() % 2 == 1 {
            years[middle]
        } else {
            f32::midpoint(years[middle - 1], years[middle])
        };
        let is_male = male * 2 > crops.len() || (male * 2 == crops.len() && crops[0].0 == Gender::Male);
        let (gender, age) = in_reactor_model(&workspace, "ready", set);
        assert_eq!(gender, i64::from(is_male), "{name}: {crops:?}");
        assert!((age as f32 - median).abs() <= 0.501, "{name}: {age}, {crops:?}");
        let record = &set["gender_age"];
        let word = if is_male { "male" } else { "female" };
        assert_eq!((&record["gender"], &record["age"]), (&json!(word), &json!(age)));
        assert_eq!((&record["female"], &record["male"]), (&json!(crops.len() - male), &json!(male)));
        assert!(record["contract"].as_str().unwrap().starts_with("gender-age/v1/det="), "{record}");
        found.push((gender, age));
    }
    found.dedup();
    assert!(found.len() > 1, "sets differ, or a mix-up would not show: {found:?}");

    exported(&workspace, "again", &["--pack", STAND_IN]);
    assert_eq!(snapshot(&workspace.join("ready")), snapshot(&workspace.join("again")));

    // What a repair makes again says what the crops had said.
    let model = workspace.join("ready/faceset_001/faceset_001.safetensors");
    let before = fs::read(&model).unwrap();
    fs::write(&model, "x").unwrap();
    workspace.ok(["verify", "ready", "--repair"]);
    assert_eq!(fs::read(&model).unwrap(), before);
}

#[test]
fn what_nobody_can_estimate_is_said_not_to_be_known_and_everything_else_is_the_same() {
    let workspace = refined_in(Workspace::with_worker(NAMESAKE), &setup::photos().join("2012"));
    let machines = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let workers = [
        Armoured::start_plain_as(NAMESAKE, machines[0].path(), &["--pack", STAND_IN]),
        Armoured::start_plain_as(NAMESAKE, machines[1].path(), &["--pack", "open"]),
    ];
    let both = workers.each_ref().map(|worker| format!("http://{}", worker.address)).join(",");
    exported(&workspace, "estimated", &["--pack", STAND_IN]);
    for (corpus, reason, flags, words) in [
        ("without", "no_model", &["--pack", "open"][..], "the model pack has no genderage model"),
        ("differ", "models_differ", &["--worker", &both], "do not all have the same genderage model"),
        ("unseen", "not_asked", &["--no-certificate"], "no worker looked at the crops"),
    ] {
        let said = workspace
            .command([&["export-swap", "refined", corpus, "--format", FORMATS][..], flags].concat())
            .env_remove("FACESETS_PACK")
            .output()
            .map(Run::from)
            .unwrap();
        assert_eq!(said.code, Some(0), "{said}");
        assert!(said.stdout.contains("gender and age not known (-1 in ReActor models) for 1: "), "{said}");
        assert!(said.stdout.contains(words), "{said}");
        follows_its_schemas(&workspace, corpus);
        workspace.ok(["verify", corpus]);
        let [set] = &sets(&workspace, corpus)[..] else { panic!("{said}") };
        assert_eq!(set["gender_age"], json!({"state": "not_estimated", "reason": reason}));
        assert_eq!(in_reactor_model(&workspace, corpus, set), (-1, -1));
    }
    // Whether somebody estimates changes no crop and no bundle.
    let is_crop = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "png" || kind == "fsz");
    let crops = |corpus: &str| {
        snapshot(&workspace.join(corpus)).into_iter().filter(|(path, _)| is_crop(path)).collect::<Vec<_>>()
    };
    assert!(crops("estimated").len() > 3);
    for corpus in ["without", "differ"] {
        assert_eq!(crops(corpus), crops("estimated"), "{corpus}");
    }
    // Nor is anything said where no format tells it.
    workspace.ok(["export-swap", "refined", "plain", "--format", "rope", "--pack", STAND_IN]);
    assert!(sets(&workspace, "plain").iter().all(|set| set.get("gender_age").is_none()));
}
