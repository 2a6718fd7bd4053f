//! The way to a worker: where it is, what opens it, and what may go over it.

use std::{fmt, net::IpAddr, str::FromStr};

use facesets_core::Sha256Digest;
use tonic::transport::{Endpoint, Uri};

use super::DispatchError;

/// The way to a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// `http://HOST:PORT`, or `HOST:PORT`.
    pub address: String,
    /// What it is called, where it has a name.
    pub name: Option<String>,
    /// What it wants to hear.
    pub token: Option<Token>,
    /// Where the token may go unencrypted.
    pub plaintext: Plaintext,
}

/// Where a token may go unencrypted.
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

impl Way {
    /// To a worker that needs no token.
    pub fn to(address: impl Into<String>) -> Self {
        Self { address: address.into(), name: None, token: None, plaintext: Plaintext::default() }
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

    /// Whether it may be taken at all.
    pub fn check(&self) -> Result<(), DispatchError> {
        self.endpoint().map(drop)
    }

    /// Host and port.
    pub(super) fn socket(&self) -> Option<(String, u16)> {
        let endpoint = self.endpoint().ok()?;
        let uri = endpoint.uri();
        Some((host(uri)?.to_owned(), uri.port_u16().unwrap_or(80)))
    }

    /// Where to connect, if this way may be taken at all.
    pub(super) fn endpoint(&self) -> Result<Endpoint, DispatchError> {
        let Self { address, token, plaintext, .. } = self;
        let url = if address.contains("://") { address.clone() } else { format!("http://{address}") };
        let endpoint =
            Endpoint::from_shared(url).map_err(|_| DispatchError::InvalidAddress(address.clone()))?;
        let host = host(endpoint.uri()).ok_or_else(|| DispatchError::InvalidAddress(address.clone()))?;
        if endpoint.uri().scheme_str() != Some("http") {
            return Err(DispatchError::UnknownScheme(address.clone()));
        }
        if token.is_some() && *plaintext == Plaintext::LoopbackOnly && !is_loopback(host) {
            return Err(DispatchError::Plaintext(address.clone()));
        }
        Ok(endpoint)
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
    use super::*;
    use crate::exit::Hint as _;

    fn token() -> Token {
        "sesame".parse().unwrap()
    }

    #[test]
    fn a_token_leaves_this_machine_only_where_that_is_allowed() {
        for there in
            ["http://192.168.1.20:50551", "gpu:50551", "http://[2001:db8::1]:1", "localhost.example:1"]
        {
            let way = Way::to(there).with_token(token());
            let error = way.endpoint().unwrap_err();
            assert!(matches!(&error, DispatchError::Plaintext(address) if address == there), "{error}");
            assert!(error.hint().unwrap().contains("--allow-plaintext"), "{error}");
            assert!(Way { plaintext: Plaintext::Everywhere, ..way }.endpoint().is_ok(), "{there}");
            assert!(Way::to(there).endpoint().is_ok(), "there is no token to lose");
        }
        for here in [
            "127.0.0.1:1",
            "http://127.9.9.9:1",
            "http://[::1]:1",
            "LocalHost:1",
            "http://[::ffff:127.0.0.1]:1",
        ] {
            assert!(Way::to(here).with_token(token()).endpoint().is_ok(), "{here}");
        }
    }

    #[test]
    fn a_token_is_visible_ascii_and_is_never_shown() {
        assert_eq!(" sesame\n".parse::<Token>().unwrap(), token());
        for bad in ["", " \n", "two words", "sésame", "a\u{7}"] {
            assert!(matches!(bad.parse::<Token>(), Err(DispatchError::InvalidToken)), "{bad:?}");
        }
        let way = Way::to("localhost:1").with_token(token());
        assert!(!format!("{way:?}").contains("sesame"));
    }

    #[test]
    fn a_worker_is_called_by_its_name_and_found_by_host_and_port() {
        let way = Way { name: Some("gpu".to_owned()), ..Way::to("http://[::1]:7") };
        assert_eq!(way.label(), "gpu (http://[::1]:7)");
        assert_eq!(way.socket(), Some(("::1".to_owned(), 7)));
        assert_eq!(Way::to("not an address").socket(), None);
    }
}
