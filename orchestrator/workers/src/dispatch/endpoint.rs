//! What it takes to reach a worker: where it is, what opens it, and what may go over it.

use std::{fmt, net::IpAddr, str::FromStr};

use facesets_core::{Sha256Digest, pairing::WorkerAddress};
use tonic::transport::{Endpoint, Uri};

use super::{DispatchError, OwnCertificate};

/// What it takes to reach a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerEndpoint {
    /// `https://HOST:PORT` where a certificate is pinned, else `http://HOST:PORT` or `HOST:PORT`.
    pub address: String,
    /// What it is called, where it has a name.
    pub name: Option<String>,
    /// What it wants to hear.
    pub token: Option<Token>,
    /// SHA-256 of the worker's certificate, with which TLS is spoken.
    pub certificate: Option<Sha256Digest>,
    /// What we show of ourselves, where the worker asks for it.
    pub own: Option<OwnCertificate>,
    /// Where token and photos may go unencrypted.
    pub plaintext: Plaintext,
}

/// Where token and photos may go unencrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plaintext {
    /// Within this machine.
    #[default]
    LoopbackOnly,
    /// Over any network.
    Everywhere,
}

/// A worker's token, which is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl WorkerEndpoint {
    /// To a worker that needs no token.
    pub fn to(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            name: None,
            token: None,
            certificate: None,
            own: None,
            plaintext: Plaintext::default(),
        }
    }

    /// To a worker that is known by its certificate.
    pub fn pinned(address: &WorkerAddress, certificate: Sha256Digest) -> Self {
        Self { certificate: Some(certificate), ..Self::to(format!("https://{address}")) }
    }

    /// With a token.
    #[must_use]
    pub fn with_token(self, token: Token) -> Self {
        Self { token: Some(token), ..self }
    }

    /// As people know it.
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) => format!("{name} ({})", self.address),
            None => self.address.clone(),
        }
    }

    /// Whether it is the one meant by a name, or by an address.
    pub fn is_called(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name) || self.address == name
    }

    /// Whether it may be taken at all.
    pub fn check(&self) -> Result<(), DispatchError> {
        self.endpoint().map(drop)
    }

    /// Host and port.
    pub(super) fn socket(&self) -> Option<(String, u16)> {
        let endpoint = self.endpoint().ok()?;
        let uri = endpoint.uri();
        let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        Some((host(uri)?.to_owned(), uri.port_u16().unwrap_or(default)))
    }

    /// Where to connect, if it may be reached so at all.
    pub(super) fn endpoint(&self) -> Result<Endpoint, DispatchError> {
        let Self { address, certificate, plaintext, .. } = self;
        let url = if address.contains("://") { address.clone() } else { format!("http://{address}") };
        let endpoint =
            Endpoint::from_shared(url).map_err(|_| DispatchError::InvalidAddress(address.clone()))?;
        let host = host(endpoint.uri()).ok_or_else(|| DispatchError::InvalidAddress(address.clone()))?;
        let address = || address.clone();
        match (endpoint.uri().scheme_str(), certificate) {
            (Some("https"), None) => Err(DispatchError::NoCertificate(address())),
            (Some("http"), Some(_)) => Err(DispatchError::PlaintextDespiteCertificate(address())),
            (Some("http"), None) if *plaintext == Plaintext::LoopbackOnly && !is_loopback(host) => {
                Err(DispatchError::Plaintext(address()))
            }
            (Some("https"), Some(_)) | (Some("http"), None) => Ok(endpoint),
            _ => Err(DispatchError::UnknownScheme(address())),
        }
    }
}

fn host(uri: &Uri) -> Option<&str> {
    uri.host().map(|host| host.trim_matches(['[', ']']))
}

/// Whether what goes there stays within this machine. Of names, only `localhost` is known to.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

impl Token {
    /// The token itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// 64 hexadecimal digits.
impl From<Sha256Digest> for Token {
    fn from(digest: Sha256Digest) -> Self {
        Self(digest.to_string())
    }
}

impl FromStr for Token {
    type Err = DispatchError;

    /// White space around it, such as the end of a file's line, does not count.
    fn from_str(text: &str) -> Result<Self, DispatchError> {
        let token = text.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(DispatchError::InvalidToken);
        }
        Ok(Self(token.to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use facesets_base::exit::Hint as _;

    use super::*;

    fn token() -> Token {
        "sesame".parse().unwrap()
    }

    #[test]
    fn nothing_leaves_this_machine_in_plaintext_unless_that_is_allowed() {
        for there in
            ["http://192.168.1.20:50551", "gpu:50551", "http://[2001:db8::1]:1", "localhost.example:1"]
        {
            for endpoint in [WorkerEndpoint::to(there).with_token(token()), WorkerEndpoint::to(there)] {
                let error = endpoint.endpoint().unwrap_err();
                assert!(matches!(&error, DispatchError::Plaintext(address) if address == there), "{error}");
                assert!(error.hint().unwrap().contains("--allow-plaintext"), "{error}");
                assert!(
                    WorkerEndpoint { plaintext: Plaintext::Everywhere, ..endpoint }.endpoint().is_ok(),
                    "{there}"
                );
            }
        }
        for here in [
            "127.0.0.1:1",
            "http://127.9.9.9:1",
            "http://[::1]:1",
            "LocalHost:1",
            "http://[::ffff:127.0.0.1]:1",
        ] {
            assert!(WorkerEndpoint::to(here).with_token(token()).endpoint().is_ok(), "{here}");
        }
    }

    #[test]
    fn tls_is_spoken_where_the_certificate_is_known_and_nowhere_else() {
        let known =
            WorkerEndpoint::pinned(&"192.168.1.20:50551".parse().unwrap(), Sha256Digest::of(b"certificate"));
        assert_eq!(known.address, "https://192.168.1.20:50551");
        assert!(known.endpoint().is_ok());
        assert_eq!(known.socket(), Some(("192.168.1.20".to_owned(), 50551)));
        for (endpoint, part) in [
            (WorkerEndpoint { certificate: None, ..known.clone() }, "which certificate"),
            (WorkerEndpoint { address: "http://localhost:1".to_owned(), ..known.clone() }, "plaintext"),
            (WorkerEndpoint { address: "localhost:1".to_owned(), ..known }, "plaintext"),
            (WorkerEndpoint::to("ftp://localhost:1"), "ftp"),
        ] {
            let error = endpoint.endpoint().unwrap_err();
            assert!(error.to_string().contains(part) && error.hint().is_some(), "{error}");
        }
    }

    #[test]
    fn a_token_is_visible_ascii_and_is_never_shown() {
        assert_eq!(" sesame\n".parse::<Token>().unwrap(), token());
        for bad in ["", " \n", "two words", "sésame", "a\u{7}"] {
            assert!(matches!(bad.parse::<Token>(), Err(DispatchError::InvalidToken)), "{bad:?}");
        }
        let endpoint = WorkerEndpoint::to("localhost:1").with_token(token());
        assert!(!format!("{endpoint:?}").contains("sesame"));
    }

    #[test]
    fn a_worker_is_called_by_its_name_and_found_by_host_and_port() {
        let endpoint =
            WorkerEndpoint { name: Some("gpu".to_owned()), ..WorkerEndpoint::to("http://[::1]:7") };
        assert_eq!(endpoint.label(), "gpu (http://[::1]:7)");
        assert_eq!(endpoint.socket(), Some(("::1".to_owned(), 7)));
        assert_eq!(WorkerEndpoint::to("not an address").socket(), None);
    }
}
