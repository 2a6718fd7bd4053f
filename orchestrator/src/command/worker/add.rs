//! `facesets worker add CODE`: pairs with a worker, and writes down how to reach it.

use std::{
    fmt,
    io::{self, BufRead as _, Read as _},
    path::{self, Path, PathBuf},
};

use facesets_base::{
    exit::{Exit, Failure, Hint},
    monitor::Monitor as _,
};
use facesets_core::pairing::{ClientName, Host, PairingCode};
use facesets_workers::{
    dispatch::{OwnCertificate, WorkerEndpoint, connect, pair},
    selection::workers_file::Draft,
};
use serde::Serialize;

use super::{Context, network};

/// Longest line of standard input that can be a code.
const MAX_LINE: u64 = 4096;

/// Flags of `worker add`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What `facesets-worker pair` shows on the worker's machine, with or without hyphens and spaces; `-`
    /// takes it from standard input
    #[arg(required = true, value_name = "CODE")]
    code: Vec<String>,
    /// What to call the worker [default: the host in its address]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What to call this machine there [default: its host name]
    #[arg(long, value_name = "NAME")]
    client: Option<ClientName>,
    /// Certificate of this machine, in PEM, for a worker that asks for one (`--client-ca` there) [default:
    /// that which it was added with]
    #[arg(long, value_name = "FILE", env = "FACESETS_CLIENT_CERT", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// Its private key, in PEM, which nobody else may be able to read
    #[arg(long, value_name = "FILE", env = "FACESETS_CLIENT_KEY", requires = "client_cert")]
    client_key: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Summary {
    name: String,
    address: String,
    certificate_sha256: String,
    client: String,
    file: String,
}

/// Standard input has no code.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the code from standard input: {0}")]
struct InputError(#[from] io::Error);

impl Hint for InputError {}

/// A file that no text can name.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be named in a workers file", .0.display())]
struct PathError(PathBuf);

impl Hint for PathError {
    fn hint(&self) -> Option<String> {
        Some("move it to a path of UTF-8".to_owned())
    }
}

/// Runs the command.
pub(super) fn run(args: &Args, file: &Path, context: &Context) -> Result<Exit, Failure> {
    let code: PairingCode = code_text(&args.code)?.parse()?;
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let client = args.client.clone().unwrap_or_else(|| ClientName::resembling(&machine));
    let mut draft = Draft::open(file)?;
    let address = WorkerEndpoint::pinned(&code.address, code.certificate).address;
    let known = draft.at(&address);
    let known_name = || known.and_then(|endpoint| endpoint.name.clone());
    let name = args.name.clone().or_else(known_name).unwrap_or_else(|| host(&code));
    let own = own(args)?.or_else(|| known.and_then(|endpoint| endpoint.own.clone()));
    draft.check_name(&name, &address)?;

    let runtime = network()?;
    let endpoint =
        WorkerEndpoint { name: Some(name.clone()), ..runtime.block_on(pair(&code, &client, own))? };
    draft.put(&endpoint)?;
    draft.save()?;
    context.ui.summary(&Summary {
        name,
        address,
        certificate_sha256: code.certificate.to_string(),
        client: client.to_string(),
        file: file.display().to_string(),
    })?;
    match runtime.block_on(connect(&endpoint)) {
        Ok(_) => Ok(Exit::Done),
        Err(error) => {
            context.ui.problem(&endpoint.label(), &format!("it has paired, but: {error}"));
            Ok(Exit::SomeFailed)
        }
    }
}

/// The certificate that the flags name, by paths that mean the same wherever the program runs next.
fn own(args: &Args) -> Result<Option<OwnCertificate>, PathError> {
    let absolute = |path: &Option<PathBuf>| {
        let Some(path) = path else { return Ok(None) };
        let absolute = path::absolute(path).ok().filter(|absolute| absolute.to_str().is_some());
        absolute.map(Some).ok_or_else(|| PathError(path.clone()))
    };
    let (certificate, key) = (absolute(&args.client_cert)?, absolute(&args.client_key)?);
    Ok(certificate.zip(key).map(|(certificate, key)| OwnCertificate { certificate, key }))
}

/// A code may have been written in several words.
fn code_text(words: &[String]) -> Result<String, InputError> {
    if words != ["-"] {
        return Ok(words.concat());
    }
    let mut line = String::new();
    io::stdin().lock().take(MAX_LINE).read_line(&mut line)?;
    Ok(line)
}

fn host(code: &PairingCode) -> String {
    match &code.address.host {
        Host::Ip(ip) => ip.to_string(),
        Host::Name(name) => name.as_str().to_owned(),
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, address, certificate_sha256, client, file } = self;
        writeln!(f, "worker       {name}, at {address}")?;
        writeln!(f, "certificate  {certificate_sha256}")?;
        writeln!(f, "known there  as {client}")?;
        writeln!(f, "kept in      {file}")
    }
}
