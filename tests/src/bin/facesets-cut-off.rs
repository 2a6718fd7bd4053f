//! `facesets` with a disk that fails: it kills itself at a step of a change, or some renames are refused as
//! on a Windows mount.
//!
//! The variable `CUT_OFF` holds words: `kill=N` ends the process with SIGKILL when the Nth point is reached,
//! `refuse=NAME` refuses all renames of a set of that name.

#![expect(clippy::unwrap_used, reason = "a double for tests, not a program")]

use std::{
    fs, io,
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use clap::Parser as _;
use facesets::{cli::Cli, command, ui::Ui};
use facesets_base::exit::Exit;
use facesets_corpus::change::Steps;
use rustix::process::{Signal, getpid, kill_process};

#[derive(Debug, Default)]
struct Failing {
    kill_at: Option<u32>,
    refused: Option<String>,
    reached: AtomicU32,
}

impl Failing {
    fn from_environment() -> Self {
        let mut failing = Self::default();
        for word in std::env::var("CUT_OFF").unwrap_or_default().split_whitespace() {
            match word.split_once('=').unwrap() {
                ("kill", number) => failing.kill_at = Some(number.parse().unwrap()),
                ("refuse", name) => failing.refused = Some(name.to_owned()),
                _ => panic!("`{word}` means nothing"),
            }
        }
        failing
    }
}

impl Steps for Failing {
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let refused = self.refused.as_deref().is_some_and(|name| from.file_name() == Some(name.as_ref()));
        if refused { Err(io::ErrorKind::PermissionDenied.into()) } else { fs::rename(from, to) }
    }

    fn pause(&self, _: Duration) {}

    fn reached(&self, _: &str) {
        if Some(self.reached.fetch_add(1, Relaxed) + 1) == self.kill_at {
            kill_process(getpid(), Signal::KILL).unwrap();
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ui = Ui::new(cli.global.ui_settings());
    let steps = Arc::new(Failing::from_environment());
    let exit =
        command::run(&cli.command, cli.global.library(), ui.clone(), steps).unwrap_or_else(|failure| {
            ui.failure(&failure);
            failure.exit
        });
    match exit {
        Exit::Done => ExitCode::SUCCESS,
        _ => ExitCode::from(2),
    }
}
