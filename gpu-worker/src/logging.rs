//! What is told while working: to stderr for people, and to a folder as lines of JSON if asked for. Never a
//! secret, a picture or a path of one.

use std::{
    io::{self, IsTerminal as _},
    path::Path,
};

use facesets_core::OneLine;
use tracing_appender::rolling::{InitError, RollingFileAppender, Rotation};
use tracing_subscriber::{
    EnvFilter, Layer as _, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Files that are kept, one a day.
const KEPT_FILES: usize = 14;

/// Begins, to stderr alone; to be called once.
///
/// # Panics
/// If it has begun before.
pub fn to_stderr() {
    start(None).expect("stderr needs no file");
}

/// Begins; to be called once. The variable `FACESETS_LOG` says what is told. The error is that the folder
/// cannot be written to.
///
/// # Panics
/// If it has begun before.
pub fn start(folder: Option<&Path>) -> Result<(), InitError> {
    let filter =
        || EnvFilter::try_from_env("FACESETS_LOG").unwrap_or_else(|_| EnvFilter::new("info,ort=warn"));
    let people = fmt::layer().with_writer(|| OneLine(io::stderr())).with_ansi(io::stderr().is_terminal());
    let file = folder.map(|folder| {
        let appender = RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_prefix("facesets-worker")
            .filename_suffix("log")
            .max_log_files(KEPT_FILES)
            .build(folder)?;
        Ok(fmt::layer().json().with_writer(appender).with_filter(filter()))
    });
    let file = file.transpose()?;
    tracing_subscriber::registry().with(file).with(people.with_filter(filter())).init();
    Ok(())
}
