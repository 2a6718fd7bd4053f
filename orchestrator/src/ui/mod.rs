//! The only printer. Data go to standard output, everything else to standard error; everything is readable
//! without colour, and no name from elsewhere (of a file, a set, a worker) can make a line of its own or move
//! the cursor: [`shown()`] shows each.

mod names;
mod progress;

use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write},
    sync::{Arc, Mutex, PoisonError},
};

use facesets_base::{
    exit::{Failure, Hint},
    monitor::Monitor,
};
use facesets_core::shown;
use serde::Serialize;

use self::{names::with_names_shown, progress::Progress};

/// The tracing target of whatever was said to the user too.
pub const UI_TARGET: &str = "facesets::said";

/// How to talk to the user.
#[derive(Debug, Clone, Copy)]
pub struct UiSettings {
    /// Summaries as JSON.
    pub json: bool,
    /// How much to say.
    pub verbosity: Verbosity,
}

/// How much to say on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// Problems only.
    Quiet,
    /// Progress too.
    Normal,
    /// Every step, in lines.
    Verbose,
}

/// The user interface.
#[derive(Debug)]
pub struct Ui {
    settings: UiSettings,
    progress: Mutex<Progress>,
}

/// Standard output cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}")]
pub struct OutputError(#[from] io::Error);

impl Hint for OutputError {}

impl Ui {
    /// How much it says.
    pub fn verbosity(&self) -> Verbosity {
        self.settings.verbosity
    }

    /// An interface on this process' terminal or pipes.
    pub fn new(settings: UiSettings) -> Arc<Self> {
        let progress = match settings.verbosity {
            Verbosity::Quiet => Progress::Silent,
            Verbosity::Normal if io::stderr().is_terminal() => Progress::Bar(None),
            Verbosity::Normal | Verbosity::Verbose => Progress::Lines(None),
        };
        Arc::new(Self { settings, progress: Mutex::new(progress) })
    }

    /// What a command has to tell in the end: one JSON document with `--json`, else its text.
    pub fn summary<T: Serialize + Display>(&self, summary: &T) -> Result<(), OutputError> {
        let json = serde_json::to_string_pretty(summary).map_err(io::Error::from)?;
        tracing::info!(target: UI_TARGET, summary = serde_json::to_string(summary).unwrap_or_default());
        self.progress().finish();
        let names = || serde_json::to_value(summary).map_err(io::Error::from);
        let text = match self.settings.verbosity {
            _ if self.settings.json => json,
            // Whoever wants to hear little gets what a summary keeps to itself under `#`: no lists.
            Verbosity::Quiet => with_names_shown(&format!("{summary:#}"), &names()?),
            Verbosity::Normal | Verbosity::Verbose => with_names_shown(&summary.to_string(), &names()?),
        };
        let mut out = self.stdout();
        writeln!(out, "{}", text.trim_end())?;
        Ok(out.flush()?)
    }

    /// Standard output, for data.
    pub fn stdout(&self) -> impl Write + use<> {
        io::BufWriter::new(Stdout(io::stdout().lock()))
    }

    /// Why the command ends early.
    pub fn failure(&self, failure: &Failure) {
        let chain: Vec<String> = failure.chain().iter().map(|message| shown(message).to_string()).collect();
        let mut text = format!("error: {}", chain.join("\n  caused by: "));
        if let Some(hint) = &failure.hint {
            text = format!("{text}\n\nhint: {}", shown(hint));
        }
        self.progress().finish();
        self.progress().say(&text);
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Monitor for Ui {
    fn start(&self, stage: &str, total: Option<u64>) {
        tracing::info!(target: UI_TARGET, stage, total, "start");
        self.progress().start(&shown(stage).to_string(), total);
    }

    fn advance(&self, steps: u64) {
        self.progress().advance(steps);
    }

    fn finish(&self) {
        self.progress().finish();
    }

    fn note(&self, text: &str) {
        tracing::info!(target: UI_TARGET, "{text}");
        if self.settings.verbosity != Verbosity::Quiet {
            self.progress().say(&shown(text).to_string());
        }
    }

    fn problem(&self, what: &str, reason: &str) {
        tracing::warn!(target: UI_TARGET, what, reason, "problem");
        self.progress().say(&format!("warning: `{}`: {}", shown(what), shown(reason)));
    }
}

/// Standard output whose reader may go away (`| head`): then the rest goes nowhere, which is no error.
struct Stdout(io::StdoutLock<'static>);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            result => result,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }
}
