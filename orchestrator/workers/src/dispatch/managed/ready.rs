//! The one line that a worker writes to its stdout.

use std::{
    io::{self, BufRead as _, BufReader, Read as _},
    process::ChildStdout,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use facesets_core::wire::PROTOCOL_VERSION;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::ManagedError;

/// Longest line that is taken for one.
const MAX_LINE: u64 = 64 * 1024;

/// How often the wait looks whether it was cancelled.
const POLL: Duration = Duration::from_millis(50);

/// What a worker says when it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Ready {
    /// Where it listens.
    pub address: String,
    /// Device, for people.
    #[serde(default)]
    pub device: String,
    /// Execution provider.
    #[serde(default)]
    pub provider: String,
    /// The pack it loaded.
    #[serde(default)]
    pub pack: String,
    /// The protocol that it speaks.
    pub protocol_version: u32,
}

/// What a worker says when it will not be ready.
#[derive(Debug, Deserialize)]
struct Refusal {
    error: String,
    hint: Option<String>,
}

impl Ready {
    /// Reads the line. The version is looked at before anything else, as the rest may mean something else in
    /// another one.
    pub(super) fn parse(line: &str) -> Result<Self, ManagedError> {
        #[derive(Deserialize)]
        struct Head {
            ready: bool,
            protocol_version: Option<u32>,
        }
        let meaningless = |error: &serde_json::Error| {
            let shown: String = line.trim_end().chars().take(200).collect();
            ManagedError::not_ready(format!("it said `{shown}`, which is not what a worker says: {error}"))
        };
        let head: Head = serde_json::from_str(line).map_err(|error| meaningless(&error))?;
        match head {
            Head { protocol_version: Some(theirs), .. } if theirs != PROTOCOL_VERSION => {
                Err(ManagedError::ProtocolVersion(theirs))
            }
            Head { ready: true, .. } => serde_json::from_str(line).map_err(|error| meaningless(&error)),
            Head { ready: false, .. } => {
                let Refusal { error, hint } =
                    serde_json::from_str(line).map_err(|error| meaningless(&error))?;
                Err(ManagedError::Refused { error, hint: hint.filter(|hint| !hint.is_empty()) })
            }
        }
    }
}

/// The first line on a worker's stdout.
pub(super) fn hear(
    stdout: Option<ChildStdout>,
    timeout: Duration,
    cancelled: &CancellationToken,
) -> Result<String, ManagedError> {
    let Some(stdout) = stdout else { return Err(ManagedError::not_ready("it has no stdout")) };
    // One message, the line.
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let read = stdout.by_ref().take(MAX_LINE).read_line(&mut line);
        let _ = sender.send(read.map(|_| line));
        // Whatever comes after it must not fill the pipe, on which the worker would wait.
        let _ = io::copy(&mut stdout, &mut io::sink());
    });
    let deadline = Instant::now() + timeout;
    loop {
        if cancelled.is_cancelled() {
            return Err(ManagedError::Cancelled);
        }
        match receiver.recv_timeout(POLL) {
            Ok(Ok(line)) if line.is_empty() => return Err(ManagedError::not_ready("it ended")),
            Ok(Ok(line)) => return Ok(line),
            Ok(Err(error)) => return Err(ManagedError::not_ready(error.to_string())),
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
            Err(_) => {
                return Err(ManagedError::not_ready(format!(
                    "nothing came within {} s",
                    timeout.as_secs_f32()
                )));
            }
        }
    }
}
