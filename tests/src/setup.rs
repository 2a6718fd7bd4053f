//! Where the set-up of this checkout lies.

use std::{
    env,
    path::{Path, PathBuf},
};

/// Root of the checkout.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The folder that `scripts/setup --tests` fills.
///
/// # Panics
/// Where that has not run: tests do not pass by leaving out what they are for.
pub fn folder() -> PathBuf {
    let folder =
        env::var_os("FACESETS_TEST_SETUP").map_or_else(|| repository().join(".setup"), PathBuf::from);
    assert!(
        folder.join("photos").is_dir(),
        "`{}` is not set up: run scripts/setup --tests",
        folder.display()
    );
    folder.canonicalize().expect("a folder that exists has a real path")
}

/// Folder of the model packs.
pub fn models() -> PathBuf {
    folder().join("models")
}

/// The ONNX Runtime library.
pub fn runtime() -> PathBuf {
    folder().join("onnxruntime/libonnxruntime.so")
}

/// The sample photos.
pub fn photos() -> PathBuf {
    folder().join("photos")
}

/// Photos of six people that not every checkout has beside it; tests on them are extra.
pub fn shared_photos() -> Option<PathBuf> {
    let folder = repository().join("../shared/photos");
    folder.is_dir().then(|| folder.canonicalize().expect("a folder that exists has a real path"))
}

/// A program of this workspace, in the profile of the running test.
///
/// # Panics
/// Where it has not been built.
pub fn program(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a running test has a path");
    let target = test.parent().and_then(Path::parent).expect("a test lies in target/<profile>/deps");
    let program = target.join(name);
    assert!(program.is_file(), "`{}` is not built: run cargo build --workspace", program.display());
    program
}
