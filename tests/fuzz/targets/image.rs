//! Photos: an error or an image within limits, from every decoder.

#![no_main]

#[path = "../../../shared/imaging/tests/hostile/checks.rs"]
mod checks;
#[path = "../../../shared/imaging/tests/hostile/seeds.rs"]
mod seeds;

use std::{
    panic::{catch_unwind, set_hook},
    path::Path,
    process::abort,
    sync::Mutex,
};

/// What the last panic said.
static LAST: Mutex<String> = Mutex::new(String::new());

libfuzzer_sys::fuzz_target!(
    init: {
        let folder = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name);
        let tiffs = seeds::tiffs(&folder("tiff"));
        facesets_fuzz::plant(&[seeds::fixtures(&folder("formats")), tiffs, seeds::pictures()].concat());
        // A panic that is caught on its way is damage and no crash: libFuzzer's own hook would abort at once.
        set_hook(Box::new(|panic| {
            *LAST.lock().expect("nobody panics in here") = panic.to_string();
        }));
    },
    |data: &[u8]| {
        if catch_unwind(|| checks::photo(data)).is_err() {
            eprintln!("{}", LAST.lock().expect("nobody panics in here"));
            abort();
        }
    }
);
