//! A wall around decoders that are not ours.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::DecodeError;

/// Runs a decoder; its panic becomes [`DecodeError::Damaged`]. What it worked on is dropped, so nothing
/// half-changed can be seen afterwards. The panic's message still reaches stderr through the process's hook.
pub(crate) fn isolated<T>(
    format: &'static str,
    decode: impl FnOnce() -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        Err(DecodeError::Damaged { format, reason: "the decoder gave up in the middle".to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panicking_decoder_is_damage() {
        let outcome = isolated("HEIC", || -> Result<(), DecodeError> { panic!("index out of bounds") });
        assert!(matches!(outcome, Err(DecodeError::Damaged { format: "HEIC", .. })));
    }
}
