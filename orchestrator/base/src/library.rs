//! Where things lie within a library: one folder with the store, its lock and the logs.

use std::{
    env,
    path::{Path, PathBuf},
};

/// A library's folder; it need not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    folder: PathBuf,
}

impl Library {
    /// The library in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// `facesets` in the user's XDG data folder, or in the current folder where there is no home.
    pub fn default_folder() -> PathBuf {
        let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        absolute("XDG_DATA_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
            .unwrap_or_default()
            .join("facesets")
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The `SQLite` file.
    pub fn store_file(&self) -> PathBuf {
        self.folder.join("library.sqlite")
    }

    /// The file that a writer holds locked.
    pub fn lock_file(&self) -> PathBuf {
        self.folder.join("lock")
    }

    /// The file that names the workers to use for this library, where there is one.
    pub fn workers_file(&self) -> PathBuf {
        self.folder.join("workers.toml")
    }

    /// The folder of the logs.
    pub fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// The log of a command that starts now, or of a worker.
    pub fn log_file(&self, command: &str) -> PathBuf {
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ");
        self.logs().join(format!("{now}-{command}.log"))
    }
}
