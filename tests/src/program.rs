//! `facesets` as a person runs it.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::setup;

/// A library in a folder of its own, and the commands on it.
#[derive(Debug)]
pub struct Workspace {
    folder: TempDir,
    worker: Option<PathBuf>,
}

/// Program of a worker whose recogniser passes for `w600k_r50`.
pub const NAMESAKE: &str = "facesets-namesake-worker";

/// What a run left behind.
#[derive(Debug)]
pub struct Run {
    /// Exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Workspace {
    /// An empty one.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder can be made"), worker: None }
    }

    /// An empty one, where `facesets` starts another program of this workspace as its worker.
    pub fn with_worker(program: &str) -> Self {
        Self { worker: Some(setup::program(program)), ..Self::new() }
    }

    /// An empty one in memory, for many small changes that wait for the disk each; on the disk where there is
    /// no such place.
    pub fn in_memory() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self { folder: folder.expect("a temporary folder can be made"), worker: None }
    }

    /// Its folder; the library is `library` inside.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path inside.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    /// `facesets` with the open pack and this library.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(setup::program("facesets"));
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FACESETS_"))
        {
            command.env_remove(name);
        }
        command
            .args(args)
            .current_dir(self.path())
            .env("FACESETS_LIBRARY", self.join("library"))
            .env("XDG_CONFIG_HOME", self.join("config"))
            .env("FACESETS_MODELS", setup::models())
            .env("FACESETS_PACK", "open")
            .env("FACESETS_RUNTIME", setup::runtime())
            .env("NO_COLOR", "1");
        command.envs(self.worker.iter().map(|program| ("FACESETS_WORKER_BINARY", program)));
        command
    }

    /// Runs `facesets` to its end.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        self.command(args).output().expect("facesets can be started").into()
    }

    /// Runs `facesets` with a disk that fails `how` the environment variable `CUT_OFF` of that program says.
    pub fn run_cut_off(&self, how: &str, args: &[&str]) -> Run {
        let model = self.command(args);
        let mut command = Command::new(setup::program("facesets-cut-off"));
        command.args(args).current_dir(self.path()).env("CUT_OFF", how);
        for (name, value) in model.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.output().expect("the program can be started").into()
    }

    /// Runs `facesets` and demands exit code 0.
    pub fn ok<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        let run = self.run(args);
        assert_eq!(run.code, Some(0), "{run}");
        run
    }

    /// Runs `facesets … --json`, demands exit code 0, and reads what it says.
    pub fn json<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Value {
        let mut command = self.command(args);
        let run = Run::from(command.arg("--json").output().expect("facesets can be started"));
        assert_eq!(run.code, Some(0), "{run}");
        run.json()
    }

    /// The canonical dump of the library.
    pub fn dump(&self) -> String {
        self.ok(["store", "dump"]).stdout
    }

    /// A JSON file inside.
    pub fn read_json(&self, name: impl AsRef<Path>) -> Value {
        let path = self.join(name);
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

impl Run {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON: {error}\n{self}"))
    }

    /// Demands that standard error says each of `parts`.
    pub fn says(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is not said:\n{self}");
        }
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}
