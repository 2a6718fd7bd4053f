//! Whom the worker trusts and how it is recognised: its certificate, the codes that it has given out, the
//! clients that it knows.
//!
//! All of it lies in one folder that only its owner may enter, and none of it in memory alone: so a running
//! worker accepts a code that another process has just made, and forgets a client that another process has
//! revoked. Of secrets only digests are kept, except for the private key.

mod authority;
mod clients;
mod codes;
mod files;
mod identity;

use std::{
    fs::File,
    io,
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use facesets_core::{
    Sha256Digest,
    pairing::{ClientName, PairingCode, PairingSecret, SECRET_LEN, WorkerAddress},
};
use serde::{Serialize, de::DeserializeOwned};

pub use authority::{Authority, AuthorityError};
pub use clients::{Client, Clients};
pub use codes::{Codes, Refused};
pub use identity::{Identity, IdentityError};

/// Bytes of a client's token before they become hexadecimal digits: nobody guesses 256 bits.
const TOKEN_LEN: usize = 32;

/// The folder with all that is kept.
#[derive(Debug, Clone)]
pub struct Trust {
    folder: PathBuf,
}

/// What is kept cannot be read, used or written.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Not readable or writable.
    #[error("`{}` cannot be used: {source}", .path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Not what was written there.
    #[error("`{}` is damaged: {reason}", .path.display())]
    Damaged {
        /// File.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Others may read a secret.
    #[error("`{}` holds the worker's private key, and others than its owner may read it", .0.display())]
    Exposed(PathBuf),
    /// The certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Whose certificates clients must show.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Nowhere to keep anything.
    #[error("there is no folder for the worker's certificate, as no home folder is known")]
    NoFolder,
    /// No random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

impl TrustError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Io { .. } => "name another folder with `--state DIR`, or mend its permissions".to_owned(),
            Self::Damaged { path, .. } => {
                format!("move `{}` away; clients then have to be paired again", path.display())
            }
            Self::Exposed(path) => format!(
                "close it with `chmod 600 {0}`; if anybody else can have read it, delete it and pair every client again",
                path.display()
            ),
            Self::Identity(_) => {
                "move `identity.pem` out of the state folder and pair every client again".to_owned()
            }
            Self::Authority(_) => {
                "pass a PEM file with the certificate of the authority that signs your clients' certificates as `--client-ca FILE`, \
                 or do without"
                    .to_owned()
            }
            Self::NoFolder => {
                "set HOME (LOCALAPPDATA on Windows), or name a folder with `--state DIR`".to_owned()
            }
            Self::Random => "restart the machine".to_owned(),
        }
    }
}

/// Why a client is not let in.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// The code.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// What is kept.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

impl Trust {
    /// In `folder`, which is made when something is first kept in it. An empty path is none at all.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The worker's certificate and key, made at first need.
    pub fn identity(&self) -> Result<Identity, TrustError> {
        let _lock = self.lock()?;
        let path = self.file("identity.pem")?;
        if let Some(pem) = files::read_private(&path)? {
            return Ok(Identity::from_pem(&pem)?);
        }
        let (identity, pem) = Identity::make()?;
        files::write(&path, pem.as_bytes())?;
        tracing::info!(sha256 = %identity.fingerprint(), "a certificate was made");
        Ok(identity)
    }

    /// A code with which one client can pair within `valid`, and where the worker is.
    pub fn issue(&self, address: WorkerAddress, valid: Duration) -> Result<PairingCode, TrustError> {
        let certificate = self.identity()?.fingerprint();
        let secret = PairingSecret::from(random::<SECRET_LEN>()?);
        let _lock = self.lock()?;
        let mut codes: Codes = self.read(CODES)?;
        codes.add(&secret, now(), valid);
        self.write(CODES, &codes)?;
        Ok(PairingCode { address, certificate, secret })
    }

    /// Lets a client in that names the secret of a code: its token, of which only the digest is kept. The
    /// code is used up. An earlier client of that name is known no more.
    pub fn redeem(&self, secret: &PairingSecret, name: &ClientName) -> Result<String, PairError> {
        let _lock = self.lock()?;
        let mut codes: Codes = self.read(CODES)?;
        codes.redeem(secret, now())?;
        self.write(CODES, &codes)?;
        let token = Sha256Digest::from(random::<TOKEN_LEN>()?).to_string();
        let mut clients: Clients = self.read(CLIENTS)?;
        clients.add(name, Sha256Digest::of(token.as_bytes()), now());
        self.write(CLIENTS, &clients)?;
        Ok(token)
    }

    /// Whom it knows.
    pub fn clients(&self) -> Result<Clients, TrustError> {
        self.read(CLIENTS)
    }

    /// Knows a client no more; whether it did.
    pub fn revoke(&self, name: &ClientName) -> Result<bool, TrustError> {
        let _lock = self.lock()?;
        let mut clients: Clients = self.read(CLIENTS)?;
        let was_there = clients.remove(name);
        if was_there {
            self.write(CLIENTS, &clients)?;
        }
        Ok(was_there)
    }

    /// Notes where a worker with TLS listens, so that codes can say so.
    pub fn note_address(&self, address: SocketAddr) -> Result<(), TrustError> {
        let _lock = self.lock()?;
        // A file of that name that says something else is not ours.
        self.noted_address()?;
        files::write(&self.file(ADDRESS)?, format!("{address}\n").as_bytes())
    }

    /// Where a worker with TLS has listened last.
    pub fn noted_address(&self) -> Result<Option<SocketAddr>, TrustError> {
        let path = self.file(ADDRESS)?;
        let Some(text) = files::read(&path)? else { return Ok(None) };
        let damaged = |_| TrustError::Damaged { path, reason: "it is no address".to_owned() };
        text.trim().parse().map(Some).map_err(damaged)
    }

    /// A file in the folder; never one beside whoever runs the program.
    fn file(&self, name: &str) -> Result<PathBuf, TrustError> {
        if self.folder.as_os_str().is_empty() {
            return Err(TrustError::NoFolder);
        }
        Ok(self.folder.join(name))
    }

    /// Held while something is read and then written.
    fn lock(&self) -> Result<File, TrustError> {
        let path = self.file("lock")?;
        files::make_folder(&self.folder)?;
        let lock = || {
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        lock().map_err(files::at(&path))
    }

    /// What a file says, or nothing where there is none.
    fn read<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T, TrustError> {
        let path = self.file(name)?;
        match files::read(&path)? {
            None => Ok(T::default()),
            Some(text) => serde_json::from_str(&text)
                .map_err(|error| TrustError::Damaged { path, reason: error.to_string() }),
        }
    }

    fn write(&self, name: &str, value: &impl Serialize) -> Result<(), TrustError> {
        let path = self.file(name)?;
        let mut text = serde_json::to_vec_pretty(value)
            .map_err(|error| TrustError::Damaged { path: path.clone(), reason: error.to_string() })?;
        text.push(b'\n');
        files::write(&path, &text)
    }
}

const CODES: &str = "codes.json";
const CLIENTS: &str = "clients.json";
const ADDRESS: &str = "address";

/// Seconds since 1970; a clock before that is as good as none.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn random<const N: usize>() -> Result<[u8; N], TrustError> {
    let mut bytes = [0; N];
    identity::provider().secure_random.fill(&mut bytes).map_err(|_| TrustError::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
