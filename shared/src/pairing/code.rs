//! The code itself: from its parts to characters and back, and what a typing error is told.

use core::net::IpAddr;
use std::{fmt, str::FromStr};

use super::{
    Host, PairingSecret, SECRET_LEN, WorkerAddress,
    address::{HostName, MAX_HOST_NAME},
    base32,
};
use crate::Sha256Digest;

const VERSION: u8 = 1;

/// Kinds of addresses.
const KIND_V4: u8 = 4;
const KIND_V6: u8 = 6;
const KIND_NAME: u8 = 128;

const CHECKSUM_LEN: usize = 4;

/// Characters between two hyphens.
const GROUP: usize = 4;

/// Characters of the longest code, with a host name of 100 bytes: anything longer is none.
const MAX_VALUES: usize = ((2 + MAX_HOST_NAME + 2 + 32 + SECRET_LEN + CHECKSUM_LEN) * 8).div_ceil(5);

/// What one code says. It is displayed in full, as that is what it is for, but not by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct PairingCode {
    /// Where the worker is.
    pub address: WorkerAddress,
    /// SHA-256 of its certificate in DER.
    pub certificate: Sha256Digest,
    /// What lets a client in once.
    pub secret: PairingSecret,
}

/// A text that is no code. Nothing of the text is in it, as most of it may be right.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CodeError {
    /// A character that is in no code.
    #[error("character {position} of the code (group {}) is none that codes have", group(*.position))]
    Character {
        /// Counted from 1, without hyphens and spaces.
        position: usize,
    },
    /// One character is another than it was.
    #[error("there is a typing error in group {} of the code, at character {position}", group(*.position))]
    Typing {
        /// Counted from 1, without hyphens and spaces.
        position: usize,
    },
    /// It does not agree with its checksum.
    #[error(
        "the code does not agree with its checksum: a character is missing, doubled or wrong (it has {characters})"
    )]
    Checksum {
        /// How many it has.
        characters: usize,
    },
    /// Made by a program of another generation.
    #[error("the code is of version {0}, this program knows version {VERSION}")]
    Version(u8),
    /// A checksum that is right over parts that make no sense.
    #[error("the code is whole, but no worker wrote it")]
    Senseless,
}

/// The group of a position, both counted from 1.
fn group(position: usize) -> usize {
    position.div_ceil(GROUP)
}

impl PairingCode {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        match &self.address.host {
            Host::Ip(IpAddr::V4(ip)) => {
                bytes.push(KIND_V4);
                bytes.extend(ip.octets());
            }
            Host::Ip(IpAddr::V6(ip)) => {
                bytes.push(KIND_V6);
                bytes.extend(ip.octets());
            }
            Host::Name(name) => {
                bytes.push(KIND_NAME + name.as_str().len() as u8);
                bytes.extend(name.as_str().bytes());
            }
        }
        bytes.extend(self.address.port.to_be_bytes());
        bytes.extend(self.certificate.as_bytes());
        bytes.extend(self.secret.as_bytes());
        bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
        bytes
    }

    /// Of the bytes before the checksum.
    fn read(bytes: &[u8]) -> Result<Self, CodeError> {
        let (version, rest) = take::<1>(bytes)?;
        if version[0] != VERSION {
            return Err(CodeError::Version(version[0]));
        }
        let ([kind], rest) = take::<1>(rest)?;
        let (host, rest) = match kind {
            KIND_V4 => take::<4>(rest).map(|(octets, rest)| (Host::Ip(octets.into()), rest))?,
            KIND_V6 => take::<16>(rest).map(|(octets, rest)| (Host::Ip(octets.into()), rest))?,
            _ => {
                let len = kind.checked_sub(KIND_NAME).ok_or(CodeError::Senseless)?;
                let (name, rest) = rest.split_at_checked(len.into()).ok_or(CodeError::Senseless)?;
                let name = std::str::from_utf8(name).ok().and_then(HostName::new);
                (Host::Name(name.ok_or(CodeError::Senseless)?), rest)
            }
        };
        let (port, rest) = take::<2>(rest)?;
        let (certificate, rest) = take::<32>(rest)?;
        let (secret, rest) = take::<SECRET_LEN>(rest)?;
        let port = u16::from_be_bytes(port);
        if port == 0 || !rest.is_empty() {
            return Err(CodeError::Senseless);
        }
        Ok(Self {
            address: WorkerAddress { host, port },
            certificate: certificate.into(),
            secret: secret.into(),
        })
    }
}

fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), CodeError> {
    bytes.split_first_chunk::<N>().map(|(first, rest)| (*first, rest)).ok_or(CodeError::Senseless)
}

/// The bytes before the checksum, if it is right.
fn checked(values: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = base32::join(values)?;
    let (body, checksum) = bytes.split_last_chunk::<CHECKSUM_LEN>()?;
    if crc32fast::hash(body) != u32::from_be_bytes(*checksum) {
        return None;
    }
    bytes.truncate(bytes.len() - CHECKSUM_LEN);
    Some(bytes)
}

/// Where a single wrong character would explain that the checksum is wrong, if only one place does.
///
/// A CRC is linear: what a bit changes in it is the same whatever the others are, and what several change is
/// the sum. So the checksum is computed once a bit, and not for each of the 31 characters that might have
/// stood at each place.
fn wrong_character(values: &[u8]) -> Option<usize> {
    let bytes = base32::bytes(values);
    let zeros = vec![0; bytes.len()];
    let (wrong, none) = (disagreement(&bytes)?, disagreement(&zeros)?);
    let effect = |bit: usize| {
        let mut one = zeros.clone();
        // The last character may have bits beyond the last byte, which are in no checksum.
        if let Some(byte) = one.get_mut(bit / 8) {
            *byte = 0x80 >> (bit % 8);
        }
        disagreement(&one).map_or(0, |there| there ^ none)
    };
    let mut tried = values.to_vec();
    let mut found = None;
    for at in 0..values.len() {
        let bits: [u32; base32::BITS] = std::array::from_fn(|bit| effect(at * base32::BITS + bit));
        for change in 1..32u8 {
            let set = (0..base32::BITS).filter(|bit| change >> (base32::BITS - 1 - bit) & 1 == 1);
            if set.fold(0, |sum, bit| sum ^ bits[bit]) != wrong {
                continue;
            }
            tried[at] ^= change;
            if checked(&tried).is_some_and(|bytes| PairingCode::read(&bytes).is_ok()) {
                if found.is_some() {
                    return None;
                }
                found = Some(at);
            }
            tried[at] = values[at];
        }
    }
    found
}

/// In which bits the checksum at the end is another than that of what is before it.
fn disagreement(bytes: &[u8]) -> Option<u32> {
    let (body, checksum) = bytes.split_last_chunk::<CHECKSUM_LEN>()?;
    Some(crc32fast::hash(body) ^ u32::from_be_bytes(*checksum))
}

impl FromStr for PairingCode {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let characters = text.chars().filter(|c| *c != '-' && !c.is_whitespace());
        let mut values = Vec::new();
        for (position, character) in (1..).zip(characters) {
            values.push(base32::value(character).ok_or(CodeError::Character { position })?);
            if position > MAX_VALUES {
                return Err(CodeError::Checksum { characters: position });
            }
        }
        match checked(&values) {
            Some(bytes) => Self::read(&bytes),
            None => Err(match wrong_character(&values) {
                Some(at) => CodeError::Typing { position: at + 1 },
                None => CodeError::Checksum { characters: values.len() },
            }),
        }
    }
}

impl fmt::Display for PairingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, value) in base32::split(&self.bytes()).into_iter().enumerate() {
            if number > 0 && number % GROUP == 0 {
                f.write_str("-")?;
            }
            write!(f, "{}", base32::character(value))?;
        }
        Ok(())
    }
}

impl fmt::Debug for PairingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PairingCode").field("address", &self.address).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(address: &str) -> PairingCode {
        PairingCode {
            address: address.parse().unwrap(),
            certificate: Sha256Digest::of(b"a certificate"),
            secret: [7; SECRET_LEN].into(),
        }
    }

    fn any_code() -> impl Strategy<Value = PairingCode> {
        let host = prop_oneof![
            any::<[u8; 4]>().prop_map(|octets| Host::Ip(octets.into())),
            any::<[u8; 16]>().prop_map(|octets| Host::Ip(octets.into())),
            "[a-z][a-z0-9._-]{0,99}".prop_map(|name| Host::Name(HostName::new(&name).unwrap())),
        ];
        (host, 1..=u16::MAX, any::<[u8; 32]>(), any::<[u8; SECRET_LEN]>()).prop_map(
            |(host, port, certificate, secret)| PairingCode {
                address: WorkerAddress { host, port },
                certificate: certificate.into(),
                secret: secret.into(),
            },
        )
    }

    /// The characters of a code without hyphens.
    fn characters(code: &PairingCode) -> Vec<char> {
        code.to_string().chars().filter(|c| *c != '-').collect()
    }

    proptest! {
        #[test]
        fn any_code_is_read_back_however_it_is_spaced(code in any_code()) {
            let text = code.to_string();
            for written in [text.clone(), text.to_lowercase(), text.replace('-', ""), text.replace('-', " \n")] {
                prop_assert_eq!(written.parse::<PairingCode>(), Ok(code.clone()));
            }
        }

        #[test]
        fn any_single_character_that_is_another_is_refused_and_its_place_is_named(
            code in any_code(), at in any::<prop::sample::Index>(), by in 1..32u8
        ) {
            let mut characters = characters(&code);
            let at = at.index(characters.len());
            let value = base32::value(characters[at]).unwrap();
            characters[at] = base32::character(value ^ by);
            let error = characters.iter().collect::<String>().parse::<PairingCode>().unwrap_err();
            // Two places can explain it in theory; then no place is named.
            prop_assert!(
                matches!(error, CodeError::Typing { position } if position == at + 1)
                    || matches!(error, CodeError::Checksum { .. }),
                "{:?}", error
            );
        }

        #[test]
        fn characters_that_are_swapped_missing_or_doubled_are_noticed(code in any_code(), at in any::<prop::sample::Index>()) {
            let right = characters(&code);
            let at = at.index(right.len() - 1);
            let mut swapped = right.clone();
            swapped.swap(at, at + 1);
            let mut missing = right.clone();
            missing.remove(at);
            let mut doubled = right.clone();
            doubled.insert(at, right[at]);
            for wrong in [swapped, missing, doubled] {
                if wrong != right {
                    prop_assert!(wrong.iter().collect::<String>().parse::<PairingCode>().is_err());
                }
            }
        }

        #[test]
        fn any_text_is_a_code_or_an_error_without_the_text(text in "\\PC{0,300}") {
            if let Err(error) = text.parse::<PairingCode>() {
                let said = format!("{error} {error:?}");
                prop_assert!(text.len() < 20 || !said.contains(&text));
            }
        }
    }

    #[test]
    fn the_code_of_a_worker_on_ipv4_has_24_groups_of_four() {
        let text = code("192.168.1.20:50551").to_string();
        assert_eq!(text.split('-').map(str::len).collect::<Vec<_>>(), [4; 24]);
        // Old codes must stay what they are.
        assert_eq!(
            text,
            "042C-1A01-2K2Q-F0DC-TXH1-83X6-JAGM-50HD-5YZ4-VHQN-9F5A-A0FP-\
             HASQ-WPQE-T2XF-WKCS-0W3G-E1R7-0W3G-E1R7-0W3G-E1R7-0WZD-DD04"
        );
    }

    #[test]
    fn a_typing_error_is_named_by_its_group() {
        let text = code("gpu.local:50551").to_string();
        let wrong = text.replacen(&text[10..14], "ZZZ*", 1);
        assert_eq!(
            wrong.parse::<PairingCode>().unwrap_err().to_string(),
            "character 12 of the code (group 3) is none that codes have"
        );
        let mut characters = characters(&code("gpu.local:50551"));
        characters[8] = if characters[8] == '7' { '8' } else { '7' };
        let error = characters.iter().collect::<String>().parse::<PairingCode>().unwrap_err();
        assert_eq!(error.to_string(), "there is a typing error in group 3 of the code, at character 9");
    }

    #[test]
    fn other_versions_and_senseless_parts_are_told_apart_from_typing_errors() {
        let with_checksum = |mut bytes: Vec<u8>| {
            bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
            let text: String = base32::split(&bytes).into_iter().map(base32::character).collect();
            text.parse::<PairingCode>().unwrap_err()
        };
        let mut body = code("192.168.1.20:50551").bytes();
        body.truncate(body.len() - CHECKSUM_LEN);
        let changed = |at: usize, to: u8| {
            let mut body = body.clone();
            body[at] = to;
            with_checksum(body)
        };
        assert_eq!(changed(0, 9), CodeError::Version(9));
        for kind in [0, 5, 127, 128, 255] {
            assert_eq!(changed(1, kind), CodeError::Senseless, "kind {kind}");
        }
        assert_eq!(with_checksum([&body[..], &[0]].concat()), CodeError::Senseless);
        assert_eq!(with_checksum(vec![1]), CodeError::Senseless);
        assert_eq!("".parse::<PairingCode>(), Err(CodeError::Checksum { characters: 0 }));
        assert!(matches!("0".repeat(100_000).parse::<PairingCode>(), Err(CodeError::Checksum { .. })));
    }

    #[test]
    fn a_code_is_shown_when_asked_for_and_not_in_passing() {
        let debug = format!("{:?}", code("gpu.local:50551"));
        assert_eq!(
            debug,
            r#"PairingCode { address: WorkerAddress { host: Name(HostName("gpu.local")), port: 50551 }, .. }"#
        );
    }
}
