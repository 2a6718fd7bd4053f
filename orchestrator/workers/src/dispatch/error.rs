//! Why workers cannot be used.

use facesets_base::exit::Hint;

use super::OwnCertificateError;

/// Why workers cannot be used. Failures of single images are none of these.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// Not an address.
    #[error("`{0}` is no address of a worker")]
    InvalidAddress(String),
    /// Neither HTTP nor HTTPS.
    #[error("`{0}` asks for another protocol than `https` or `http`")]
    UnknownScheme(String),
    /// TLS with nobody knows whom.
    #[error("`{0}` asks for TLS, and which certificate is the worker's is not known")]
    NoCertificate(String),
    /// Photos must not go in the clear where somebody meant them not to.
    #[error("`{0}` asks for plaintext, and the worker's certificate is known")]
    PlaintextDespiteCertificate(String),
    /// Photos, and a token, that would be there for everybody on the way to read.
    #[error("`{0}` is not on this machine, and the token and the photos would go there unencrypted")]
    Plaintext(String),
    /// Somebody else there, or the worker with a new certificate.
    #[error("what answers at `{0}` shows another certificate than the worker's")]
    OtherCertificate(String),
    /// Our certificate, which cannot be shown.
    #[error(transparent)]
    OwnCertificate(#[from] OwnCertificateError),
    /// A certificate is wanted, and we have none.
    #[error("the worker at `{0}` lets in only machines that show a certificate")]
    CertificateWanted(String),
    /// Our certificate does not count.
    #[error("the worker at `{address}` refuses the certificate of this machine: {reason}")]
    CertificateRefused {
        /// Where.
        address: String,
        /// Why.
        reason: &'static str,
    },
    /// A code that lets us in no more.
    #[error("the worker at `{address}` does not pair: {reason}")]
    NotPaired {
        /// Where.
        address: String,
        /// What it says.
        reason: String,
    },
    /// Not a token that can be sent.
    #[error("the token is empty or has characters other than visible ASCII")]
    InvalidToken,
    /// Nobody there.
    #[error("cannot reach the worker at `{address}`: {reason}")]
    Unreachable {
        /// Where.
        address: String,
        /// Why.
        reason: String,
    },
    /// Somebody there who does not let us in.
    #[error("the worker at `{address}` refuses the token: {reason}")]
    Unauthenticated {
        /// Where.
        address: String,
        /// What it says.
        reason: String,
    },
    /// A worker of another generation.
    #[error("the worker at `{address}` speaks protocol version {theirs}, this program version {ours}")]
    ProtocolVersion {
        /// Where.
        address: String,
        /// Its version.
        theirs: u32,
        /// Our version.
        ours: u32,
    },
    /// Something else answers there.
    #[error("what answers at `{address}` is no facesets worker: {reason}")]
    NotAWorker {
        /// Where.
        address: String,
        /// What it said.
        reason: String,
    },
    /// No worker is left, and work is.
    #[error("every worker is gone, {open} images are left to analyse{}", list(.reasons))]
    EveryWorkerGone {
        /// Images without an answer.
        open: usize,
        /// What became of each worker.
        reasons: Vec<String>,
    },
}

impl Hint for DispatchError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::InvalidAddress(_) => "give it as `--worker http://HOST:PORT`",
            Self::UnknownScheme(_) | Self::NoCertificate(_) => {
                "pair with the worker: `facesets-worker pair` there says a code, `facesets worker add CODE` takes it here"
            }
            Self::PlaintextDespiteCertificate(_) => {
                "write `https://`, or take its `certificate_sha256` out of the workers file"
            }
            Self::Plaintext(_) => {
                "pair with the worker (`facesets-worker pair` there, `facesets worker add CODE` here) or, on a network that you \
                 trust, pass `--allow-plaintext` (in a workers file: `allow_plaintext = true`)"
            }
            Self::OtherCertificate(_) => {
                "if the worker was set up anew, pair with it again; if not, something else answers in its place, and nothing was \
                 sent to it"
            }
            Self::OwnCertificate(error) => return error.hint(),
            Self::CertificateWanted(_) => {
                "ask the worker's owner for one, signed by the authority of its `--client-ca`, and give it and its key: `facesets worker \
                 add CODE --client-cert FILE --client-key FILE` (in a workers file: `client_cert`, `client_key`)"
            }
            Self::CertificateRefused { .. } => {
                "ask the worker's owner for another one, and put it in the place of the old one; check the clocks of both machines"
            }
            Self::NotPaired { .. } => "make another code with `facesets-worker pair` there",
            Self::InvalidToken => {
                "give the worker's token with `--token`, `FACESETS_TOKEN` or in a workers file"
            }
            Self::Unreachable { .. } => {
                "check that `facesets-worker serve` runs there and that the address and port are right, \
                 or use one on this machine with `--local-worker`"
            }
            Self::Unauthenticated { .. } => {
                "pair with it again (`facesets-worker pair` there), or give the token it was started with: `--token`, \
                 `FACESETS_TOKEN` or in a workers file"
            }
            Self::ProtocolVersion { theirs, ours, .. } if theirs < ours => {
                "update `facesets-worker` to the version of this `facesets`"
            }
            Self::ProtocolVersion { .. } => "update `facesets` to the version of the worker",
            Self::NotAWorker { .. } => {
                "check the address and the port; a worker with TLS has to be paired with"
            }
            Self::EveryWorkerGone { .. } => {
                "what was analysed is kept: see to the workers (`facesets worker test`), and run the same command again to go on from there"
            }
        };
        Some(text.to_owned())
    }
}

fn list(reasons: &[String]) -> String {
    if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) }
}
