//! Downloading one file over HTTP, going on where an earlier attempt stopped.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use facesets_core::Sha256Digest;
use reqwest::{StatusCode, blocking::Client, header};

/// Attempts before giving up; each goes on where the last one stopped.
const ATTEMPTS: usize = 4;

/// Longest silence of the server, and longest time to connect.
const SILENCE: Duration = Duration::from_mins(1);

/// Read at once: large enough for a fast line, small enough for smooth progress.
const BLOCK: usize = 256 * 1024;

/// Told how a download is getting on.
pub trait Progress {
    /// `done` of `total` bytes are on disk.
    fn downloaded(&self, done: u64, total: u64);
}

/// A download that did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The connection failed or broke off, every time.
    #[error("`{url}` broke off after {done} of {total} bytes: {reason}")]
    Interrupted {
        /// Address.
        url: String,
        /// Bytes kept for the next time.
        done: u64,
        /// Bytes wanted.
        total: u64,
        /// What happened last.
        reason: String,
    },
    /// The server does not give the file.
    #[error("`{url}` answered {status}")]
    Refused {
        /// Address.
        url: String,
        /// HTTP status.
        status: StatusCode,
    },
    /// The file is another one.
    #[error("`{url}` has {found}, expected {expected}; what was downloaded has been removed")]
    Different {
        /// Address.
        url: String,
        /// By the catalogue.
        expected: String,
        /// What came.
        found: String,
    },
    /// The disk.
    #[error("`{}` cannot be written: {source}", .path.display())]
    Disk {
        /// The partial file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// What must arrive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) url: &'a str,
    pub(super) bytes: u64,
    pub(super) sha256: Sha256Digest,
}

/// One attempt's failure.
enum Attempt {
    /// Another attempt may go on.
    Broken(String),
    Fatal(DownloadError),
}

/// Downloads to `part`, which may hold the beginning already, and compares size and digest.
pub(super) fn download(
    wanted: Wanted<'_>,
    part: &Path,
    progress: &dyn Progress,
) -> Result<(), DownloadError> {
    let disk = |source| DownloadError::Disk { path: part.to_owned(), source };
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(part).map_err(disk)?;
    let mut reason = String::new();
    for attempt in 0..ATTEMPTS {
        if length(&file).map_err(disk)? == wanted.bytes {
            break;
        }
        std::thread::sleep(Duration::from_millis(500) * attempt as u32);
        match go_on(wanted, &mut file, progress).map_err(disk)? {
            Ok(()) => {}
            Err(Attempt::Broken(why)) => {
                tracing::warn!(url = wanted.url, reason = why, "the download broke off");
                reason = why;
            }
            Err(Attempt::Fatal(error)) => return Err(error),
        }
    }
    let done = length(&file).map_err(disk)?;
    if done < wanted.bytes {
        return Err(DownloadError::Interrupted {
            url: wanted.url.to_owned(),
            done,
            total: wanted.bytes,
            reason,
        });
    }
    file.sync_all().map_err(disk)?;
    compare(wanted, part, file)
}

/// Asks for what is missing and appends it. The outer error is the disk's.
fn go_on(wanted: Wanted<'_>, file: &mut File, progress: &dyn Progress) -> io::Result<Result<(), Attempt>> {
    let mut done = length(file)?;
    if done > wanted.bytes {
        file.set_len(0)?;
        done = 0;
    }
    let request = client().and_then(|client| {
        let request = client.get(wanted.url);
        if done > 0 { request.header(header::RANGE, format!("bytes={done}-")).send() } else { request.send() }
    });
    let mut response = match request {
        Ok(response) => response,
        Err(error) => return Ok(Err(Attempt::Broken(chain(&error)))),
    };
    match response.status() {
        StatusCode::PARTIAL_CONTENT if starts_at(&response, done) => {}
        // The server cannot go on in the middle: from the beginning, then.
        StatusCode::OK => {
            file.set_len(0)?;
            done = 0;
        }
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
            file.set_len(0)?;
            return Ok(Err(Attempt::Broken("the server sent another range than asked for".to_owned())));
        }
        status if status.is_server_error() => {
            return Ok(Err(Attempt::Broken(format!("the server answered {status}"))));
        }
        status => {
            return Ok(Err(Attempt::Fatal(DownloadError::Refused { url: wanted.url.to_owned(), status })));
        }
    }
    let mut block = vec![0; BLOCK];
    while done <= wanted.bytes {
        progress.downloaded(done, wanted.bytes);
        match response.read(&mut block) {
            Ok(0) => break,
            Ok(count) => {
                file.write_all(&block[..count])?;
                done += count as u64;
            }
            Err(error) => return Ok(Err(Attempt::Broken(chain(&error)))),
        }
    }
    Ok(if done < wanted.bytes { Err(Attempt::Broken("the server ended early".to_owned())) } else { Ok(()) })
}

fn compare(wanted: Wanted<'_>, part: &Path, mut file: File) -> Result<(), DownloadError> {
    let disk = |source| DownloadError::Disk { path: part.to_owned(), source };
    file.seek(SeekFrom::Start(0)).map_err(disk)?;
    let (sha256, bytes) = Sha256Digest::of_reader(file).map_err(disk)?;
    if (bytes, sha256) == (wanted.bytes, wanted.sha256) {
        return Ok(());
    }
    fs::remove_file(part).map_err(disk)?;
    let describe = |bytes: u64, sha256: Sha256Digest| format!("{bytes} bytes with sha256 `{sha256}`");
    Err(DownloadError::Different {
        url: wanted.url.to_owned(),
        expected: describe(wanted.bytes, wanted.sha256),
        found: describe(bytes, sha256),
    })
}

fn client() -> reqwest::Result<Client> {
    // reqwest is built without a TLS provider of its own; a second installation is no error worth hearing of.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let agent = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
    Client::builder().user_agent(agent).timeout(SILENCE).connect_timeout(SILENCE).build()
}

fn starts_at(response: &reqwest::blocking::Response, start: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {start}-")))
}

fn length(file: &File) -> io::Result<u64> {
    Ok(file.metadata()?.len())
}

/// An error with its causes: reqwest's own message says little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
