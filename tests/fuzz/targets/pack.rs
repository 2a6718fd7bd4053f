//! Pack manifests and the heads of ONNX models.

#![no_main]

#[path = "../../../gpu-worker/tests/hostile/checks.rs"]
mod checks;
#[path = "../../../gpu-worker/tests/hostile/seeds.rs"]
mod seeds;

libfuzzer_sys::fuzz_target!(
    init: facesets_fuzz::plant(&[seeds::manifests(), seeds::models()].concat()),
    |data: &[u8]| {
        // A manifest is a JSON object.
        if data.trim_ascii_start().starts_with(b"{") {
            checks::manifest(data);
        } else {
            checks::model(data);
        }
    }
);
