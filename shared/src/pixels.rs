//! A digest of what a photo shows, whatever its tags say.

use std::{fmt, str::FromStr};

/// Version of the definition of [`PixelDigest`]; whoever changes that, or the pixels that decoding gives,
/// raises it.
pub const PIXEL_DIGEST_VERSION: u32 = 1;

/// A digest of the decoded pixels of a photo, which stays the same when a program rewrites the tags of the
/// file, and no other file's is.
///
/// It is XXH3 with 128 bits and seed 0, its number in big-endian bytes (the form that xxHash calls
/// canonical), of: one byte for the layout; width and height of the upright photo in pixels, four
/// little-endian bytes each; the levels of the pixels, one byte each. A JPEG that stands upright, with
/// brightness and two planes of colour, is taken as it is stored: all levels of Y, then Cb, then Cr, row
/// after row, as libjpeg-turbo lays them out without padding between rows; its layout is 1 where colour is as
/// fine as brightness (4:4:4), 2 where it has half the columns (4:2:2), 3 where it has half the columns and
/// half the rows (4:2:0). Anything else is taken as upright RGB, layout 0. The orientation is therefore in
/// it: a photo that was turned by its tag alone has another one.
///
/// Digests of different versions say nothing about each other. It tells photos apart, and proves nothing:
/// XXH3 is no cryptographic hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PixelDigest {
    /// Version of the definition.
    pub version: u32,
    /// The digest.
    pub digest: [u8; 16],
}

/// Text that is no digest of pixels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no version, colon and 32 hexadecimal digits")]
pub struct ParsePixelDigestError(String);

impl fmt::Display for PixelDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:032x}", self.version, u128::from_be_bytes(self.digest))
    }
}

impl FromStr for PixelDigest {
    type Err = ParsePixelDigestError;

    /// What [`fmt::Display`] gives, and nothing else.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (version, digest) = text.split_once(':')?;
            let digest = u128::from_str_radix(digest, 16).ok()?.to_be_bytes();
            let pixels = Self { version: version.parse().ok()?, digest };
            (pixels.to_string() == text).then_some(pixels)
        };
        parse().ok_or_else(|| ParsePixelDigestError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_of_pixels_is_read_as_it_is_written_and_in_no_other_way() {
        let pixels = PixelDigest { version: 1, digest: [0x0a; 16] };
        let text = pixels.to_string();
        assert_eq!(text, format!("1:{}", "0a".repeat(16)));
        assert_eq!(text.parse(), Ok(pixels));
        for other in [
            "",
            "1:",
            ":00",
            &text[1..],
            &text[..33],
            &text.to_uppercase(),
            &format!("+{text}"),
            &format!("{text}0"),
        ] {
            assert!(other.parse::<PixelDigest>().is_err(), "{other}");
        }
    }
}
