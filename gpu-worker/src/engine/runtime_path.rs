//! Finding the ONNX Runtime library.
//!
//! `ort` would search by itself, and panic when it fails; so the path is settled and checked here.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The library's file name on this system.
pub const RUNTIME_FILE: &str = if cfg!(windows) {
    "onnxruntime.dll"
} else if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else {
    "libonnxruntime.so"
};

/// No library to load.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RuntimePathError {
    /// The one asked for is not there.
    #[error("there is no ONNX Runtime library at `{}`", .0.display())]
    NotThere(PathBuf),
    /// None in the usual places.
    #[error("no ONNX Runtime library was found; looked for {}", quoted(.0))]
    NotFound(Vec<PathBuf>),
}

/// The library to load: `asked_for` if given, else beside the executable, else in the folder that holds one
/// of these folders of models (or in the `onnxruntime` folder there).
pub fn find_runtime(asked_for: Option<&Path>, models: &[&Path]) -> Result<PathBuf, RuntimePathError> {
    if let Some(path) = asked_for {
        let path = if path.is_dir() { path.join(RUNTIME_FILE) } else { path.to_owned() };
        return absolute(&path).ok_or(RuntimePathError::NotThere(path));
    }
    let beside_executable = env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    let beside_models = models.iter().filter_map(|models| models.parent());
    let beside_models = beside_models.flat_map(|parent| [parent.to_owned(), parent.join("onnxruntime")]);
    let mut candidates: Vec<PathBuf> = Vec::new();
    for folder in beside_executable.into_iter().chain(beside_models) {
        let candidate = folder.join(RUNTIME_FILE);
        if !candidates.contains(&candidate) {
            candidates.push(candidate);
        }
    }
    let found = candidates.iter().find_map(|path| absolute(path));
    found.ok_or(RuntimePathError::NotFound(candidates))
}

/// Absolute, because loaders take a bare name for something on their search path.
fn absolute(path: &Path) -> Option<PathBuf> {
    path.is_file().then(|| std::path::absolute(path).ok()).flatten()
}

fn quoted(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_asked_for_may_be_the_file_or_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(RUNTIME_FILE);
        assert_eq!(find_runtime(Some(&file), &[]), Err(RuntimePathError::NotThere(file.clone())));
        std::fs::write(&file, "").unwrap();
        assert_eq!(find_runtime(Some(&file), &[]).as_ref(), Ok(&file));
        assert_eq!(find_runtime(Some(folder.path()), &[]), Ok(file));
    }

    #[test]
    fn without_a_path_the_neighbourhood_of_the_models_is_searched() {
        let home = tempfile::tempdir().unwrap();
        let models = home.path().join("models");
        let nowhere = Path::new("/nowhere/models");
        let error = find_runtime(None, &[&models, nowhere]).unwrap_err().to_string();
        assert!(error.contains(&home.path().join(RUNTIME_FILE).display().to_string()), "{error}");
        std::fs::create_dir(home.path().join("onnxruntime")).unwrap();
        let file = home.path().join("onnxruntime").join(RUNTIME_FILE);
        std::fs::write(&file, "").unwrap();
        assert_eq!(find_runtime(None, &[nowhere, &models]), Ok(file));
    }
}
