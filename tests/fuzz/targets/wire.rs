//! Whole messages: refused, or the same when written again.

#![no_main]

#[path = "../../../shared/tests/hostile/checks.rs"]
mod checks;
#[path = "../../../shared/tests/hostile/seeds.rs"]
mod seeds;

libfuzzer_sys::fuzz_target!(init: facesets_fuzz::plant(&seeds::messages()), |data: &[u8]| checks::message(data));
