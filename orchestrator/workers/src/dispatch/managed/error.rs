//! Why there is no worker of our own.

use std::{io, path::PathBuf};

use facesets_base::exit::Hint;
use facesets_core::wire::PROTOCOL_VERSION;

/// Why there is no worker of our own.
#[derive(Debug, thiserror::Error)]
pub enum ManagedError {
    /// Nothing to start.
    #[error("there is no worker program at `{0}`")]
    NoBinary(PathBuf),
    /// It cannot be started.
    #[error("cannot start the worker `{binary}`: {source}")]
    Spawn {
        /// The program.
        binary: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its log cannot be written.
    #[error("cannot write the worker's log `{path}`: {source}")]
    Log {
        /// The log.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be told what to do.
    #[error("the worker's configuration cannot be written as JSON: {0}")]
    Configuration(String),
    /// No random numbers.
    #[error("no random numbers for the worker's token: {0}")]
    Random(#[source] io::Error),
    /// It says why it will not.
    #[error("the worker cannot start: {error}")]
    Refused {
        /// In its words.
        error: String,
        /// What to do about it, in its words.
        hint: Option<String>,
    },
    /// It did not get ready.
    #[error("the worker did not get ready: {reason}{}", after(.log_tail))]
    NotReady {
        /// What happened instead.
        reason: String,
        /// The last lines of its log.
        log_tail: String,
        /// Its log.
        log: PathBuf,
    },
    /// It is of another generation.
    #[error("the worker speaks protocol version {0}, this program version {PROTOCOL_VERSION}")]
    ProtocolVersion(u32),
    /// It was started again often enough.
    #[error("the worker was started again {0} times within ten minutes, and died each time")]
    TooManyRestarts(usize),
    /// We were told to stop.
    #[error("interrupted while the worker was starting")]
    Cancelled,
}

impl Hint for ManagedError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoBinary(_) => Some(
                "build or install `facesets-worker` beside `facesets`, name it with `--worker-binary`, \
                 or use a running one with `--worker URL`"
                    .to_owned(),
            ),
            Self::Refused { hint, .. } => hint.clone(),
            Self::NotReady { log, .. } => Some(format!("its whole log is `{}`", log.display())),
            Self::ProtocolVersion(_) | Self::Spawn { .. } => {
                Some("use a `facesets-worker` of the same version as this `facesets`".to_owned())
            }
            Self::Log { .. } => Some("choose a folder you may write to with `--library DIR`".to_owned()),
            Self::TooManyRestarts(_) | Self::Configuration(_) | Self::Random(_) | Self::Cancelled => None,
        }
    }
}

impl ManagedError {
    pub(super) fn not_ready(reason: impl Into<String>) -> Self {
        Self::NotReady { reason: reason.into(), log_tail: String::new(), log: PathBuf::new() }
    }
}

fn after(log_tail: &str) -> String {
    if log_tail.is_empty() { String::new() } else { format!("; its log ends with: {log_tail}") }
}
