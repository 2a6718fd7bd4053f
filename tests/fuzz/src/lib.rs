//! What the fuzz targets share: where they begin.

use std::{env, fs, path::PathBuf};

use facesets_mutator::Seed;

/// Writes `seeds` to the folder that `scripts/fuzz` names, from which libFuzzer begins.
///
/// # Panics
/// If the folder cannot be written.
pub fn plant(seeds: &[Seed]) {
    let Some(folder) = env::var_os("FACESETS_FUZZ_SEEDS").map(PathBuf::from) else { return };
    for seed in seeds {
        fs::write(folder.join(&seed.name), &seed.bytes).expect("the folder of seeds can be written");
    }
}
