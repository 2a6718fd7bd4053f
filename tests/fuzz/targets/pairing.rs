//! Pairing codes, as letters and as parts under a right checksum, addresses and names.

#![no_main]

#[expect(dead_code, reason = "other targets use the rest")]
#[path = "../../../shared/tests/hostile/checks.rs"]
mod checks;
#[expect(dead_code, reason = "other targets use the rest")]
#[path = "../../../shared/tests/hostile/seeds.rs"]
mod seeds;

libfuzzer_sys::fuzz_target!(
    init: facesets_fuzz::plant(&[seeds::typed(), seeds::code_parts()].concat()),
    |data: &[u8]| {
        // Letters are ASCII and parts begin with a version, so that every seed goes its own way.
        if data.first().is_some_and(|first| *first < b' ') {
            checks::code_with_checksum(data);
        } else {
            checks::typed(data);
        }
    }
);
