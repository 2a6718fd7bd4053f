//! The bearer token: who may call.

use std::fmt;

use facesets_core::Sha256Digest;
use subtle::ConstantTimeEq as _;
use tonic::{Request, Status, metadata::MetadataMap, service::Interceptor};

use super::{calls::let_in, known_clients::KnownClients, stranger_log::worth_a_line};
use crate::telemetry::{self, Refusal};

/// A secret that clients must name. Only its digest is kept; it is never shown.
#[derive(Clone, Copy)]
pub struct Token(Sha256Digest);

/// A token that cannot be sent in a header, or guards nothing.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the token is empty or has characters other than visible ASCII")]
pub struct InvalidToken;

impl Token {
    /// A token from its text; surrounding white space, such as a file's last line break, does not count.
    pub fn new(text: &str) -> Result<Self, InvalidToken> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidToken);
        }
        Ok(Self(Sha256Digest::of(text.as_bytes())))
    }

    /// In a time that depends on neither token: digests of equal length are compared as a whole.
    fn matches(&self, presented: &str) -> bool {
        let presented = Sha256Digest::of(presented.as_bytes());
        self.0.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Lets calls pass that name a token: the worker's own, or that of a client that has paired. All of them
/// where there is neither.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    pub(super) token: Option<Token>,
    pub(super) known_clients: Option<KnownClients>,
}

/// The digest of the token of a client that has paired; it goes with its requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paired(pub(super) Sha256Digest);

impl Interceptor for Guard {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(paired) = self.check(&request)? {
            request.extensions_mut().insert(paired);
        }
        let_in(request.extensions());
        Ok(request)
    }
}

impl Guard {
    /// Which client calls, if it is one that has paired; an error if nobody may.
    fn check(&self, request: &Request<()>) -> Result<Option<Paired>, Status> {
        if self.token.is_none() && self.known_clients.is_none() {
            return Ok(None);
        }
        let from = request.remote_addr().map(tracing::field::display);
        let Some(presented) = bearer(request.metadata()) else {
            telemetry::refused(Refusal::Token);
            if worth_a_line() {
                tracing::info!(from, "a call without a token is refused");
            }
            return Err(Status::unauthenticated("a token is needed: `authorization: Bearer …`"));
        };
        if self.token.is_some_and(|token| token.matches(presented)) {
            return Ok(None);
        }
        let digest = Sha256Digest::of(presented.as_bytes());
        if self.known_clients.as_ref().is_some_and(|known| known.name(&digest).is_some()) {
            return Ok(Some(Paired(digest)));
        }
        telemetry::refused(Refusal::Token);
        if worth_a_line() {
            tracing::warn!(from, "a call with a wrong token is refused");
        }
        Err(Status::unauthenticated("the token is not this worker's, or was revoked"))
    }
}

fn bearer(metadata: &MetadataMap) -> Option<&str> {
    let (scheme, token) = metadata.get("authorization")?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(guard: Option<Token>, header: Option<&str>) -> bool {
        let mut request = Request::new(());
        if let Some(header) = header {
            request.metadata_mut().insert("authorization", header.parse().unwrap());
        }
        Guard { token: guard, known_clients: None }.call(request).is_ok()
    }

    #[test]
    fn only_the_right_token_passes() {
        let token = Token::new("sesame\n").ok();
        for (header, passes) in [
            (Some("Bearer sesame"), true),
            (Some("bearer sesame"), true),
            (Some("Bearer sesam"), false),
            (Some("Bearer sesame2"), false),
            (Some("Bearer "), false),
            (Some("Basic sesame"), false),
            (Some("sesame"), false),
            (None, false),
        ] {
            assert_eq!(call(token, header), passes, "{header:?}");
        }
        assert!(call(None, None));
    }

    #[test]
    fn a_token_is_never_shown_and_never_empty() {
        assert_eq!(format!("{:?}", Token::new("sesame").unwrap()), "Token(…)");
        for text in ["", " \n", "two words", "schlüssel"] {
            assert_eq!(Token::new(text).unwrap_err(), InvalidToken, "{text}");
        }
    }
}
