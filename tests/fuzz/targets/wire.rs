//! Whole messages: refused, or the same when written again.

#![no_main]

#[expect(dead_code, reason = "other targets use the rest")]
#[path = "../../../shared/tests/hostile/checks.rs"]
mod checks;
#[expect(dead_code, reason = "other targets use the rest")]
#[path = "../../../shared/tests/hostile/seeds.rs"]
mod seeds;

libfuzzer_sys::fuzz_target!(init: facesets_fuzz::plant(&seeds::messages()), |data: &[u8]| checks::message(data));
