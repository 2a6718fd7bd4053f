//! The log of a long command: `LIBRARY/logs/<UTC time>-<command>.log`, and standard error with `--verbose`.

use std::{
    fs::{self, File},
    io,
    path::PathBuf,
    sync::Arc,
    thread,
    time::Duration,
};

use facesets_base::{exit::Hint, library::Library};
use facesets_core::OneLine;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::ui::{UI_TARGET, Verbosity};

/// The log cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the log `{path}`: {source}")]
pub struct LogError {
    path: PathBuf,
    source: io::Error,
}

impl Hint for LogError {
    fn hint(&self) -> Option<String> {
        Some("choose a folder you may write to with `--library DIR`".to_owned())
    }
}

/// Sends tracing events to a log file, if there is one, and to standard error if asked for, from now on; to
/// be called once.
pub fn start(file: Option<File>, verbosity: Verbosity) {
    let file_layer = file.map(|file| {
        tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(lines_to(file))
            .with_filter(filter("FACESETS_LOG", "info,facesets=debug"))
    });
    let stderr_layer = (verbosity == Verbosity::Verbose).then(|| {
        tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(|| OneLine(io::stderr()))
            .with_filter(filter("FACESETS_LOG", "warn,facesets=debug"))
            // What the interface says is on the terminal already.
            .with_filter(filter_fn(|metadata| metadata.target() != UI_TARGET))
    });
    // A second call can only come from tests in one process; the first subscriber stays.
    let _ = tracing_subscriber::registry().with(file_layer).with(stderr_layer).try_init();
}

/// Writers to a file that none of the names in a record can break lines of.
fn lines_to(file: File) -> impl Fn() -> OneLine<Arc<File>> {
    let file = Arc::new(file);
    move || OneLine(Arc::clone(&file))
}

/// Makes the log of a command that starts now, and the library's folder if need be. Logs stay until the user
/// deletes them.
pub fn create(library: &Library, command: &str) -> Result<File, LogError> {
    let failed = |path: PathBuf| move |source| LogError { path, source };
    fs::create_dir_all(library.logs()).map_err(failed(library.logs()))?;
    loop {
        let path = library.log_file(command);
        match File::create_new(&path) {
            // Another command began in the same millisecond.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                thread::sleep(Duration::from_millis(1));
            }
            file => return file.map_err(failed(path)),
        }
    }
}

fn filter(variable: &str, default: &str) -> EnvFilter {
    EnvFilter::try_from_env(variable).unwrap_or_else(|_| EnvFilter::new(default))
}
