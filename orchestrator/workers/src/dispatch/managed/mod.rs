//! A worker of our own: started when none was named, told what to do on its stdin, gone when we are.
//!
//! The worker leaves when its stdin ends. The pipe ends with this process, however that ends, so no worker is
//! ever left behind. It has a process group of its own: a Ctrl-C is for us, and the worker still finishes
//! what is in flight.

mod error;
mod ready;
mod supervisor;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File},
    io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

pub use error::ManagedError;
pub use ready::Ready;
pub use supervisor::Supervisor;

use super::{Token, WorkerEndpoint, breakage::Breakage};

/// How long a worker may take from its start to READY. Large models on a slow disk, or a GPU that compiles
/// them, take a while.
pub const READY_TIMEOUT: Duration = Duration::from_mins(5);

/// How long a worker may take to finish and leave after its stdin has ended. Only a hanging device takes
/// longer.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(20);

/// How often it is looked at meanwhile.
const POLL: Duration = Duration::from_millis(20);

/// How much of the end of its log is shown when it fails.
const TAIL_BYTES: u64 = 4096;
const TAIL_LINES: usize = 12;

/// What to start.
#[derive(Debug, Clone)]
pub struct Managed {
    /// The program.
    pub binary: PathBuf,
    /// Where its stderr goes.
    pub log: PathBuf,
    /// What it is told.
    pub configuration: Configuration,
    /// How long it may take.
    pub ready_timeout: Duration,
}

/// What a worker is told; what is not given, it knows best itself.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Configuration {
    /// Address to listen on.
    pub listen: String,
    /// Folder of model packs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<PathBuf>,
    /// Pack to load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pack: Option<String>,
    /// ONNX Runtime library.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<PathBuf>,
    /// Images analysed at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lanes: Option<u32>,
    /// Largest encoded image in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_image_bytes: Option<u64>,
    /// Largest decoded image in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pixels: Option<u64>,
}

/// The first and only line on a worker's stdin.
#[derive(Serialize)]
struct Start<'a> {
    token: &'a str,
    configuration: &'a Configuration,
}

/// A worker that is ready. It leaves when this is dropped.
#[derive(Debug)]
pub struct ManagedWorker {
    process: Process,
    ready: Ready,
    token: Token,
}

impl ManagedWorker {
    /// Starts a worker and waits until it is ready.
    pub fn start(managed: &Managed, cancelled: &CancellationToken) -> Result<Self, ManagedError> {
        let token = new_token()?;
        let mut process = Process::spawn(managed)?;
        let start = Start { token: token.as_str(), configuration: &managed.configuration };
        let line =
            serde_json::to_string(&start).map_err(|error| ManagedError::Configuration(error.to_string()))?;
        // A worker that ended at once is found out when it is not ready.
        let _ = process.tell(&line);
        let heard = ready::hear(process.child.stdout.take(), managed.ready_timeout, cancelled);
        match heard.and_then(|line| Ready::parse(&line)) {
            Ok(ready) => {
                tracing::info!(address = ready.address, device = ready.device, "managed worker ready");
                Ok(Self { process, ready, token })
            }
            Err(ManagedError::NotReady { reason, .. }) => {
                let status = process.leave(Duration::ZERO);
                let reason = status.map_or(reason.clone(), |status| format!("{reason} ({status})"));
                Err(ManagedError::NotReady { reason, log_tail: tail(&process.log), log: process.log.clone() })
            }
            Err(error) => {
                process.leave(Duration::ZERO);
                Err(error)
            }
        }
    }

    /// What it said when it was ready.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// How it is reached.
    pub fn endpoint(&self) -> WorkerEndpoint {
        WorkerEndpoint::to(&self.ready.address).with_token(self.token.clone())
    }

    /// Lets it finish and leave.
    pub fn stop(mut self) {
        self.process.leave(LEAVE_TIMEOUT);
    }

    /// Ends it now, whatever it does.
    pub fn kill(mut self) {
        self.process.leave(Duration::ZERO);
    }

    /// After its connection broke: how it ended, and its last words. One that has not ended is ended.
    pub(super) fn post_mortem(mut self) -> Breakage {
        let log = self.process.log.clone();
        let status = self.process.leave(Duration::from_secs(1));
        let ended = status.map_or("it did not end by itself".to_owned(), |status| status.to_string());
        let words =
            format!("the worker ended: {ended}; its log `{}` ends with: {}", log.display(), tail(&log));
        Breakage { died: status.is_some(), words: Some(words) }
    }
}

/// A child process and the pipe that keeps it.
#[derive(Debug)]
struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    log: PathBuf,
}

impl Process {
    fn spawn(managed: &Managed) -> Result<Self, ManagedError> {
        let binary = &managed.binary;
        let (log, path) = open_log(&managed.log)?;
        let mut child = Command::new(binary)
            .args(["serve", "--managed"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(|source| ManagedError::Spawn { binary: binary.clone(), source })?;
        let stdin = child.stdin.take();
        Ok(Self { child, stdin, log: path })
    }

    fn tell(&mut self, line: &str) -> std::io::Result<()> {
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        writeln!(stdin, "{line}")?;
        stdin.flush()
    }

    /// Ends its stdin, waits at most `patience` and kills it then. Its status, if it ended by itself.
    fn leave(&mut self, patience: Duration) -> Option<ExitStatus> {
        self.stdin = None;
        let deadline = Instant::now() + patience;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(POLL),
                _ => break,
            }
        }
        tracing::warn!(pid = self.child.id(), "managed worker killed");
        let group = rustix::process::Pid::from_raw(self.child.id() as i32);
        let killed =
            group.map(|group| rustix::process::kill_process_group(group, rustix::process::Signal::KILL));
        if !matches!(killed, Some(Ok(()))) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
        None
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // After an explicit end this finds the status at once.
        self.leave(LEAVE_TIMEOUT);
    }
}

/// The worker program: the one given, or the one beside this program.
pub fn find_binary(given: Option<&Path>) -> Result<PathBuf, ManagedError> {
    if let Some(given) = given {
        return if given.is_file() {
            Ok(given.to_owned())
        } else {
            Err(ManagedError::NoBinary(given.to_owned()))
        };
    }
    let own = std::env::current_exe().unwrap_or_default();
    let beside = own.with_file_name("facesets-worker");
    if beside.is_file() { Ok(beside) } else { Err(ManagedError::NoBinary(beside)) }
}

/// 32 random bytes in hexadecimal digits.
fn new_token() -> Result<Token, ManagedError> {
    let mut bytes = [0; 32];
    let mut filled = 0;
    while filled < bytes.len() {
        let flags = rustix::rand::GetRandomFlags::empty();
        filled += rustix::rand::getrandom(&mut bytes[filled..], flags)
            .map_err(|error| ManagedError::Random(error.into()))?;
    }
    Ok(Token::from(facesets_core::Sha256Digest::from(bytes)))
}

/// Opens a log, and says where it is: in the folder for temporary files where a library can only be read.
fn open_log(path: &Path) -> Result<(File, PathBuf), ManagedError> {
    let open = || {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        // Workers that are started again go on in the same log.
        File::options().create(true).append(true).open(path)
    };
    let error = |source| ManagedError::Log { path: path.to_owned(), source };
    match open() {
        Ok(log) => Ok((log, path.to_owned())),
        Err(source)
            if matches!(source.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied) =>
        {
            let elsewhere = tempfile::Builder::new().prefix("facesets-worker-").suffix(".log").tempfile();
            let (log, elsewhere) = elsewhere.and_then(|file| Ok(file.keep()?)).map_err(error)?;
            tracing::warn!(log = %elsewhere.display(), error = %source, "the worker's log is elsewhere");
            Ok((log, elsewhere))
        }
        Err(source) => Err(error(source)),
    }
}

/// The last lines of a log, as one.
fn tail(log: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let len = file.metadata()?.len();
        file.seek(SeekFrom::Start(len.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join(" | ")
}
