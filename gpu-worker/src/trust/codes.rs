//! Codes that were given out, by the digests of their secrets. Pure: the time is an argument.

use std::time::Duration;

use facesets_core::{Sha256Digest, pairing::PairingSecret};
use serde::{Deserialize, Serialize};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// How long a code is remembered after its end, so that whoever comes too late is told so.
const REMEMBERED: u64 = 24 * 60 * 60;

/// Codes.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Codes {
    codes: Vec<Code>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    /// SHA-256 of the secret in hexadecimal digits.
    secret_sha256: String,
    /// Seconds since 1970.
    expires: u64,
    used: bool,
}

/// Why a secret lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody has given it out, or too long ago.
    #[error("this code was not given out here")]
    Unknown,
    /// Too late.
    #[error("the code has expired")]
    Expired,
    /// Used already.
    #[error("the code was used already")]
    Used,
}

impl Codes {
    /// Adds one that was made at `now`; forgets those that are long over.
    pub fn add(&mut self, secret: &PairingSecret, now: u64, valid: Duration) {
        self.codes.retain(|code| code.expires.saturating_add(REMEMBERED) > now);
        let secret_sha256 = secret.digest().to_string();
        self.codes.push(Code { secret_sha256, expires: now.saturating_add(valid.as_secs()), used: false });
    }

    /// Uses one up. It takes equally long whichever it is, or none.
    pub fn redeem(&mut self, secret: &PairingSecret, now: u64) -> Result<(), Refused> {
        let Some(at) = position(self.codes.iter().map(|code| code.secret_sha256.as_str()), &secret.digest())
        else {
            return Err(Refused::Unknown);
        };
        let code = &mut self.codes[at];
        if code.used {
            return Err(Refused::Used);
        }
        if code.expires <= now {
            return Err(Refused::Expired);
        }
        code.used = true;
        Ok(())
    }
}

/// Where a digest is among others in hexadecimal digits; the time tells nothing of how much of one agrees,
/// nor which.
pub(super) fn position<'a>(digests: impl Iterator<Item = &'a str>, wanted: &Sha256Digest) -> Option<usize> {
    let wanted = wanted.to_string();
    let (mut found, mut at) = (Choice::from(0), 0u64);
    for (number, digest) in (0u64..).zip(digests) {
        let equal = digest.as_bytes().ct_eq(wanted.as_bytes());
        at.conditional_assign(&number, equal);
        found |= equal;
    }
    bool::from(found).then_some(at as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: Duration = Duration::from_mins(10);

    fn secret(byte: u8) -> PairingSecret {
        [byte; 16].into()
    }

    #[test]
    fn a_code_lets_one_client_in_once_and_in_time() {
        let mut codes = Codes::default();
        codes.add(&secret(1), 1000, VALID);
        codes.add(&secret(2), 1000, VALID);
        assert_eq!(codes.redeem(&secret(3), 1001), Err(Refused::Unknown));
        assert_eq!(codes.redeem(&secret(1), 1599), Ok(()));
        assert_eq!(codes.redeem(&secret(1), 1599), Err(Refused::Used));
        assert_eq!(codes.redeem(&secret(2), 1600), Err(Refused::Expired));
        assert_eq!(codes.redeem(&secret(2), 1599), Ok(()), "a refusal uses nothing up");
    }

    #[test]
    fn codes_that_are_long_over_are_forgotten_and_no_secret_is_kept() {
        let mut codes = Codes::default();
        codes.add(&secret(1), 1000, VALID);
        codes.add(&secret(2), 1600 + REMEMBERED, VALID);
        assert_eq!(codes.codes.len(), 1);
        let kept = serde_json::to_string(&codes).unwrap();
        assert!(kept.contains(&secret(2).digest().to_string()) && !kept.contains("02020202"), "{kept}");
    }

    #[test]
    fn a_digest_is_found_wherever_it_is() {
        let digests: Vec<_> = (0..5u8).map(|n| Sha256Digest::of(&[n]).to_string()).collect();
        let find = |wanted: &[u8]| position(digests.iter().map(String::as_str), &Sha256Digest::of(wanted));
        for n in 0..5u8 {
            assert_eq!(find(&[n]), Some(n.into()));
        }
        assert_eq!(find(&[5]), None);
    }
}
