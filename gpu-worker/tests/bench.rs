//! `facesets-worker bench` as a user runs it: on real models, and on a device that is simulated.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::process::Command;

use serde_json::Value;

use common::setup;

fn bench(args: &[&str]) -> Value {
    let photo = setup().join("photos/2018/group/t1.jpg");
    let mut command = Command::new(env!("CARGO_BIN_EXE_facesets-worker"));
    command.arg("bench").arg(photo).args(["--seconds", "1", "--runs", "1", "--json"]).args(args);
    command.env("FACESETS_MODELS", setup().join("models")).env("FACESETS_PACK", "open");
    let output = command.env_remove("FACESETS_RUNTIME").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn stage<'a>(report: &'a Value, name: &str) -> &'a Value {
    let stages = report["stages"].as_array().unwrap();
    stages.iter().find(|stage| stage["stage"] == name).unwrap()
}

#[test]
fn every_stage_of_real_models_is_measured_beside_the_bare_ceiling() {
    let report = bench(&["--provider", "cpu"]);
    assert_eq!((&report["pack"], &report["target"]), (&"open".into(), &"cpu".into()));
    assert!(report["pipeline_per_second"].as_f64().unwrap() > 0.0);
    assert!(report["ceiling_per_second"].as_f64().unwrap() > 0.0);
    let photos = stage(&report, "decode")["inputs"].as_u64().unwrap();
    for name in ["align", "blur", "crop", "inputs", "recognise", "landmarks 106", "landmarks 68"] {
        let stage = stage(&report, name);
        assert_eq!(stage["inputs"].as_u64().unwrap(), 6 * photos, "six faces a photo: {stage}");
        assert!(stage["ms_per_call"].as_f64().unwrap() > 0.0, "{stage}");
    }
}

#[test]
fn a_simulated_device_is_fed_the_faces_of_several_photos_at_once() {
    let report = bench(&["--simulate", "20", "--faces", "3"]);
    assert_eq!(stage(&report, "detect")["largest_batch"], 1);
    assert!(stage(&report, "recognise")["largest_batch"].as_u64().unwrap() > 3, "{report}");
    let most = report["device_ceiling_per_second"].as_f64().unwrap();
    assert!((most - 1.0 / (0.020 * (1.0 + 9.0 / 32.0))).abs() < 0.01, "{most}");
}

#[test]
fn photos_that_are_not_there_are_an_error_with_a_hint() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_facesets-worker"));
    let output = command.args(["bench", "/nowhere/photo.jpg", "--simulate", "1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("/nowhere/photo.jpg") && said.contains("hint:"), "{said}");
}
