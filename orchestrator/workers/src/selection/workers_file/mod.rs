//! The file that names workers, and what is wrong with it, by line; [`Draft`] changes it.

mod edit;

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use facesets_base::exit::Hint;
use facesets_core::Sha256Digest;
use serde::Deserialize;

pub use edit::Draft;

use crate::dispatch::{OwnCertificate, Plaintext, Token, WorkerEndpoint};

/// What a file names.
#[derive(Debug)]
pub struct WorkersFile {
    /// The endpoints to the workers, in their order.
    pub endpoints: Vec<WorkerEndpoint>,
    /// Files with tokens that others than their owner may read.
    pub exposed: Vec<PathBuf>,
}

/// Why a file names no workers.
#[derive(Debug, thiserror::Error)]
pub enum WorkersFileError {
    /// The file, or a token's file.
    #[error("cannot read `{path}`: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What it says.
    #[error("`{path}`, line {line}: {reason}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// Not writable.
    #[error("cannot write `{path}`: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Workers that are written in a way that cannot be added to.
    #[error("`{0}` does not write its workers as tables `[[worker]]`")]
    Shape(PathBuf),
    /// Another worker has the name.
    #[error("`{path}` names another worker `{name}`, at `{address}`")]
    NameTaken {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// Where the one that has it is.
        address: String,
    },
    /// Nobody has the name.
    #[error("`{path}` names no worker `{name}`, only {}", names(.known))]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// The names and addresses that are there.
        known: Vec<String>,
    },
    /// It says nothing.
    #[error("`{0}` names no worker")]
    Empty(PathBuf),
}

impl Hint for WorkersFileError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Io { .. } => "check the path and who may read it".to_owned(),
            Self::Write { .. } => "check the path and who may write there".to_owned(),
            Self::NameTaken { .. } => {
                "call this one something else with `--name`, or take that one out with `facesets worker remove`".to_owned()
            }
            Self::Unknown { .. } => "`facesets worker list` names them".to_owned(),
            Self::Shape(_) | Self::Line { .. } | Self::Empty(_) => {
                "a worker is a table `[[worker]]` with `url = \"http://HOST:PORT\"` (`https` with its `certificate_sha256`) and, \
                 as need be, `name`, `token` or `token_file`, `client_cert` with `client_key`, `allow_plaintext = true`; `facesets worker add CODE` adds one"
                    .to_owned()
            }
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    worker: Vec<toml::Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    url: toml::Spanned<String>,
    name: Option<String>,
    token: Option<toml::Spanned<String>>,
    token_file: Option<PathBuf>,
    certificate_sha256: Option<toml::Spanned<String>>,
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
    #[serde(default)]
    allow_plaintext: bool,
}

/// Reads a file of workers, and their tokens.
pub fn read(path: &Path) -> Result<WorkersFile, WorkersFileError> {
    parse(path, &read_text(path)?)
}

fn read_text(path: &Path) -> Result<String, WorkersFileError> {
    fs::read_to_string(path).map_err(|source| WorkersFileError::Io { path: path.to_owned(), source })
}

fn names(known: &[String]) -> String {
    if known.is_empty() { "none at all".to_owned() } else { known.join(", ") }
}

/// As [`read`], of the text of the file at `path`.
fn parse(path: &Path, text: &str) -> Result<WorkersFile, WorkersFileError> {
    let at = |offset: usize, reason: String| {
        let line = text[..offset.min(text.len())].matches('\n').count() + 1;
        WorkersFileError::Line { path: path.to_owned(), line, reason }
    };
    let file: File = toml::from_str(text).map_err(|error| {
        at(error.span().map_or(0, |span| span.start), error.message().replace('\n', ", "))
    })?;
    if file.worker.is_empty() {
        return Err(WorkersFileError::Empty(path.to_owned()));
    }
    let mut roster = WorkersFile { endpoints: Vec::new(), exposed: Vec::new() };
    for entry in file.worker {
        let begin = entry.span().start;
        let entry = entry.into_inner();
        let token = match (&entry.token, &entry.token_file) {
            (None, None) => None,
            (Some(_), Some(_)) => return Err(at(begin, "it has both `token` and `token_file`".to_owned())),
            (Some(token), None) => {
                let parsed = token.get_ref().parse::<Token>();
                roster.expose(path)?;
                Some(parsed.map_err(|error| at(token.span().start, error.to_string()))?)
            }
            (None, Some(file)) => {
                let file = path.parent().unwrap_or(Path::new("")).join(file);
                let text = fs::read_to_string(&file)
                    .map_err(|source| WorkersFileError::Io { path: file.clone(), source })?;
                roster.expose(&file)?;
                Some(
                    text.parse::<Token>()
                        .map_err(|error| at(begin, format!("`{}`: {error}", file.display())))?,
                )
            }
        };
        let plaintext = if entry.allow_plaintext { Plaintext::Everywhere } else { Plaintext::LoopbackOnly };
        let certificate = entry.certificate_sha256.map(|digest| {
            let parsed = digest.get_ref().parse::<Sha256Digest>();
            parsed.map_err(|error| at(digest.span().start, error.to_string()))
        });
        let certificate = certificate.transpose()?;
        let own = match (entry.client_cert, entry.client_key) {
            (None, None) => None,
            (Some(_), Some(_)) if certificate.is_none() => {
                return Err(at(begin, "it has a `client_cert` and no `certificate_sha256`".to_owned()));
            }
            (Some(certificate), Some(key)) => {
                let beside = |file: &Path| path.parent().unwrap_or(Path::new("")).join(file);
                Some(OwnCertificate { certificate: beside(&certificate), key: beside(&key) })
            }
            _ => return Err(at(begin, "it has only one of `client_cert` and `client_key`".to_owned())),
        };
        let endpoint = WorkerEndpoint {
            name: entry.name,
            token,
            certificate,
            own,
            plaintext,
            ..WorkerEndpoint::to(entry.url.get_ref())
        };
        endpoint.check().map_err(|error| {
            let hint = error.hint().map_or(String::new(), |hint| format!(" ({hint})"));
            at(entry.url.span().start, format!("{error}{hint}"))
        })?;
        if roster.endpoints.iter().any(|other| other.address == endpoint.address) {
            return Err(at(entry.url.span().start, format!("`{}` is named twice", endpoint.address)));
        }
        roster.endpoints.push(endpoint);
    }
    Ok(roster)
}

impl WorkersFile {
    /// Notes a file with a token if its mode lets others than its owner read it.
    fn expose(&mut self, file: &Path) -> Result<(), WorkersFileError> {
        let metadata =
            fs::metadata(file).map_err(|source| WorkersFileError::Io { path: file.to_owned(), source })?;
        if metadata.permissions().mode() & 0o044 != 0 && !self.exposed.iter().any(|other| other == file) {
            self.exposed.push(file.to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("workers.toml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        (folder, path)
    }

    #[test]
    fn workers_have_names_and_tokens_of_their_own() {
        let (folder, path) = written(
            "# mine\n[[worker]]\nurl = 'http://10.0.0.5:1'\nname = 'gpu'\ntoken_file = 'secret'\nallow_plaintext = true\n\n\
             [[worker]]\nurl = 'localhost:2'\ntoken = 'abc'\n[[worker]]\nurl = 'http://10.0.0.6:1'\nallow_plaintext = true\n\
             [[worker]]\nurl = 'https://10.0.0.7:1'\n\
             certificate_sha256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'\n\
             client_cert = 'own.pem'\nclient_key = '/etc/own.key'\n",
        );
        let secret = folder.path().join("secret");
        fs::write(&secret, "sesame\n").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o640)).unwrap();
        let roster = read(&path).unwrap();
        let gpu = WorkerEndpoint {
            name: Some("gpu".to_owned()),
            token: Some("sesame".parse().unwrap()),
            plaintext: Plaintext::Everywhere,
            ..WorkerEndpoint::to("http://10.0.0.5:1")
        };
        let near = WorkerEndpoint::to("localhost:2").with_token("abc".parse().unwrap());
        let far =
            WorkerEndpoint { plaintext: Plaintext::Everywhere, ..WorkerEndpoint::to("http://10.0.0.6:1") };
        let own = OwnCertificate { certificate: folder.path().join("own.pem"), key: "/etc/own.key".into() };
        let pinned = WorkerEndpoint::pinned(&"10.0.0.7:1".parse().unwrap(), Sha256Digest::of(b"abc"));
        let pinned = WorkerEndpoint { own: Some(own), ..pinned };
        assert_eq!(roster.endpoints, [gpu, near, far, pinned]);
        assert_eq!(roster.exposed, std::slice::from_ref(&secret));

        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(read(&path).unwrap().exposed.is_empty());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(read(&path).unwrap().exposed, [path], "it has a token in it");
        fs::remove_file(&secret).unwrap();
        assert!(read(&folder.path().join("workers.toml")).unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn what_is_wrong_is_told_by_line() {
        for (text, line, part) in [
            ("[[worker]]\nurl = 'localhost:1'\ntokn = 'x'\n", 3, "tokn"),
            ("[[workers]]\nurl = 'localhost:1'\n", 1, "workers"),
            ("[[worker]]\nurl = 'localhost:1'\n\n[[worker]]\nname = 'x'\n", 4, "url"),
            ("[[worker]]\nurl = 7\n", 2, "string"),
            ("[[worker]]\nurl = \n", 2, ""),
            ("\n[[worker]]\nurl = 'https://localhost:1'\n", 3, "facesets worker add CODE"),
            ("[[worker]]\nurl = 'https://localhost:1'\ncertificate_sha256 = 'abc'\n", 3, "sha256"),
            ("[[worker]]\nurl = 'not an address'\n", 2, "no address"),
            ("[[worker]]\nurl = 'http://10.0.0.5:1'\ntoken = 'x'\n", 2, "--allow-plaintext"),
            ("[[worker]]\nurl = 'localhost:1'\ntoken = ''\n", 3, "token"),
            ("[[worker]]\nurl = 'localhost:1'\ntoken = 'x'\ntoken_file = 'y'\n", 1, "both"),
            ("[[worker]]\nurl = 'localhost:1'\nclient_key = 'x'\n", 1, "only one of"),
            (
                "[[worker]]\nurl = 'localhost:1'\nclient_cert = 'x'\nclient_key = 'y'\n",
                1,
                "certificate_sha256",
            ),
            ("[[worker]]\nurl = 'localhost:1'\n[[worker]]\nurl = 'localhost:1'\n", 4, "twice"),
        ] {
            let (_folder, path) = written(text);
            let error = read(&path).unwrap_err();
            assert!(
                matches!(&error, WorkersFileError::Line { line: at, .. } if *at == line),
                "{text}: {error}"
            );
            assert!(error.to_string().contains(part) && error.hint().is_some(), "{text}: {error}");
        }
        let (_folder, path) = written("# nobody\n");
        assert!(matches!(read(&path), Err(WorkersFileError::Empty(_))));
    }
}
