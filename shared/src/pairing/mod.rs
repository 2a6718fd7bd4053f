//! What a worker tells a person, who tells it another machine: where the worker is, which certificate is its
//! own, and a secret that lets a client in once.
//!
//! A [`PairingCode`] is written in Crockford's base 32 (no I, L, O, U; case, hyphens and white space do not
//! count), in groups of four. Its bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, now 1 |
//! | 1 | kind of address: 4, 6, or 128 + length of a host name (1 to 100) |
//! | 4, 16 or length | address |
//! | 2 | port, big-endian |
//! | 32 | SHA-256 of the worker's certificate (DER) |
//! | 16 | one-time secret |
//! | 4 | CRC-32 (IEEE) of all before, big-endian; in every version |
//!
//! A change of up to 32 neighbouring bits never goes unnoticed by the checksum: so no wrong character, and no
//! two swapped neighbours.

mod address;
mod base32;
mod code;

use std::{fmt, str::FromStr};

pub use address::{Host, InvalidAddress, WorkerAddress};
pub use code::{CodeError, PairingCode};

use crate::Sha256Digest;

/// Bytes of a secret.
pub const SECRET_LEN: usize = 16;

/// Most characters of a client's name.
pub const MAX_CLIENT_NAME: usize = 64;

/// What lets a client in once. Never shown but within a code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PairingSecret([u8; SECRET_LEN]);

impl PairingSecret {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; SECRET_LEN] {
        &self.0
    }

    /// What a worker keeps of it.
    pub fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(&self.0)
    }
}

impl From<[u8; SECRET_LEN]> for PairingSecret {
    fn from(bytes: [u8; SECRET_LEN]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for PairingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairingSecret(…)")
    }
}

/// What a client is called: 1 to [`MAX_CLIENT_NAME`] of ASCII letters, digits, `.`, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientName(String);

/// A text that is no client's name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a client's name is 1 to {MAX_CLIENT_NAME} letters, digits, `.`, `_` or `-`")]
pub struct InvalidClientName;

impl ClientName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name out of one that may be anything, such as a machine's: what does not belong in it becomes `-`.
    pub fn resembling(text: &str) -> Self {
        let allowed = |c: char| if is_of_name(c) { c } else { '-' };
        let name: String = text.chars().map(allowed).take(MAX_CLIENT_NAME).collect();
        Self(if name.is_empty() { "client".to_owned() } else { name })
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

impl FromStr for ClientName {
    type Err = InvalidClientName;

    fn from_str(text: &str) -> Result<Self, InvalidClientName> {
        let fits = (1..=MAX_CLIENT_NAME).contains(&text.len()) && text.chars().all(is_of_name);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidClientName) }
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_name_has_few_kinds_of_characters_and_an_end() {
        let longest = "a".repeat(MAX_CLIENT_NAME);
        for name in ["laptop", "Anna-s_PC.home", "7", &longest] {
            assert_eq!(name.parse::<ClientName>().unwrap().as_str(), name);
            assert_eq!(ClientName::resembling(name).as_str(), name);
        }
        for (text, resembling) in [
            ("", "client".to_owned()),
            ("two words", "two-words".to_owned()),
            ("büro\n", "b-ro-".to_owned()),
            (&"a".repeat(MAX_CLIENT_NAME + 1), longest.clone()),
        ] {
            assert_eq!(text.parse::<ClientName>(), Err(InvalidClientName), "{text:?}");
            assert_eq!(ClientName::resembling(text).as_str(), resembling);
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", PairingSecret::from([7; SECRET_LEN])), "PairingSecret(…)");
    }
}
