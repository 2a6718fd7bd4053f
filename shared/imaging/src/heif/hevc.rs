//! HEVC pictures, by `heifer-hevc-dec` (MIT or Apache-2.0, no unsafe code).

use heifer_hevc_dec::{
    Error,
    decoder::{DecodeOptions, decode_picture},
};

use super::planes::{Chroma, Colour, Manner, Planes};

/// `matrix_coeffs` of a stream that does not say.
const UNSPECIFIED: u8 = 2;

/// Decodes the first picture of a bitstream with start codes.
pub(super) fn decode(stream: &[u8], max_pixels: u64) -> Result<Planes, Error> {
    let frame = decode_picture(stream, DecodeOptions { max_pixels, ..DecodeOptions::default() })?;
    let [y, u, v] = frame.planes;
    let size = |plane: usize| (frame.widths[plane] as usize, frame.heights[plane] as usize);
    // A stream without a colour description reads as limited range here. HEIF's own default is full range
    // (MIAF, ISO/IEC 23000-22, 7.3.6.4), and libheif does the same.
    let full_range = frame.full_range || frame.matrix_coeffs == UNSPECIFIED;
    Ok(Planes {
        width: size(0).0,
        height: size(0).1,
        y,
        chroma: (!u.is_empty()).then(|| Chroma { width: size(1).0, height: size(1).1, u, v }),
        depths: frame.bit_depth,
        colour: Colour { matrix: frame.matrix_coeffs.into(), full_range },
        manner: Manner::Libheif,
    })
}
