//! `facesets worker list`: who is known, without anything secret.

use std::{fmt, path::Path};

use facesets_base::exit::{Exit, Failure};
use facesets_workers::dispatch::WorkerEndpoint;
use serde::Serialize;

use super::{Context, known};

#[derive(Debug, Serialize)]
struct Summary {
    file: String,
    workers: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    name: Option<String>,
    address: String,
    certificate_sha256: Option<String>,
    /// Of this machine, where the worker asks for one.
    client_cert: Option<String>,
    has_token: bool,
}

/// Runs the command.
pub(super) fn run(file: &Path, context: &Context) -> Result<Exit, Failure> {
    let workers = known(file, context)?.iter().map(Entry::of).collect();
    context.ui.summary(&Summary { file: file.display().to_string(), workers })?;
    Ok(Exit::Done)
}

impl Entry {
    fn of(endpoint: &WorkerEndpoint) -> Self {
        Self {
            name: endpoint.name.clone(),
            address: endpoint.address.clone(),
            certificate_sha256: endpoint.certificate.map(|digest| digest.to_string()),
            client_cert: endpoint.own.as_ref().map(|own| own.certificate.display().to_string()),
            has_token: endpoint.token.is_some(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.workers.is_empty() {
            return writeln!(f, "`{}` names no worker", self.file);
        }
        for Entry { name, address, certificate_sha256, client_cert, has_token } in &self.workers {
            let name = name.as_deref().unwrap_or("-");
            let trust = certificate_sha256
                .as_ref()
                .map_or("plaintext".to_owned(), |digest| format!("certificate {}…", &digest[..12]));
            let token = if *has_token { "token" } else { "no token" };
            let own = client_cert.as_ref().map_or(String::new(), |path| format!("  shows {path}"));
            writeln!(f, "{name}  {address}  {trust}  {token}{own}")?;
        }
        Ok(())
    }
}
