//! The bearer token.

use std::fmt;

use facesets_core::Sha256Digest;
use subtle::ConstantTimeEq as _;
use tonic::{Request, Status, metadata::MetadataMap, service::Interceptor};

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

/// Lets calls pass that name the token; all of them when there is none.
#[derive(Debug, Clone)]
pub(super) struct Guard(pub(super) Option<Token>);

impl Interceptor for Guard {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let Some(token) = &self.0 else { return Ok(request) };
        match bearer(request.metadata()) {
            Some(presented) if token.matches(presented) => Ok(request),
            Some(_) => Err(Status::unauthenticated("the token is not this worker's")),
            None => Err(Status::unauthenticated("a token is needed: `authorization: Bearer …`")),
        }
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
        Guard(guard).call(request).is_ok()
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
