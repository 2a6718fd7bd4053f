//! Photos that were damaged, twelve thousand of them: an error or an image within limits, never a panic,
//! never more memory than allowed.

mod checks;
mod seeds;

use std::path::Path;

use facesets_mutator::{Seed, survives};

/// Those of the fixtures whose names end in one of `ends`.
fn fixtures(ends: &[&str]) -> Vec<Seed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/formats");
    let mut seeds = seeds::fixtures(&folder);
    seeds.retain(|seed| ends.iter().any(|end| seed.name.ends_with(end)));
    seeds
}

#[test]
fn damaged_heic_is_survived() {
    survives(&fixtures(&[".heic"]), 3000, checks::photo);
}

#[test]
fn damaged_avif_is_survived() {
    // Few: starting the decoder takes twenty milliseconds without optimisation.
    survives(&fixtures(&[".avif"]), 350, checks::photo);
}

#[test]
fn damaged_raw_files_and_photos_with_exif_are_survived() {
    let mut seeds = fixtures(&[""]);
    let has_test_of_its_own = |name: &str| [".heic", ".avif"].iter().any(|ending| name.ends_with(ending));
    seeds.retain(|seed| !has_test_of_its_own(&seed.name));
    survives(&seeds, 4000, checks::photo);
}

#[test]
fn damaged_tiffs_are_survived() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/tiff");
    survives(&seeds::tiffs(&folder), 6000, checks::photo);
}

#[test]
fn damaged_pictures_are_survived() {
    survives(&seeds::pictures(), 5000, checks::photo);
}
