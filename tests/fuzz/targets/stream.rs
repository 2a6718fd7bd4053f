//! A client's stream: items within limits, or its end.

#![no_main]

#[expect(dead_code, reason = "other targets use the rest")]
#[path = "../../../shared/tests/hostile/checks.rs"]
mod checks;
#[expect(dead_code, reason = "other targets use the rest")]
#[path = "../../../shared/tests/hostile/seeds.rs"]
mod seeds;

libfuzzer_sys::fuzz_target!(init: facesets_fuzz::plant(&seeds::streams()), |data: &[u8]| checks::stream(data));
