//! Pixels of four bytes in the middle of a computation: two neighbours are read at once, where three bytes
//! take two instructions each.

/// Red, green, blue, and a byte that means nothing.
pub(super) type Rgbx = [u8; 4];

/// Bytes that are read for two neighbours.
pub(super) const PAIR: usize = 8;

/// The neighbours whose bytes begin `skipped` bits after `bytes`, which are at least [`PAIR`].
#[inline]
pub(super) fn pair(bytes: &[u8], skipped: u32) -> [Rgbx; 2] {
    let read = bytes[..PAIR].try_into().expect("a slice of that length");
    let pixels = u64::from_le_bytes(read) >> skipped;
    [pixels, pixels >> 24].map(|pixel| (pixel as u32).to_le_bytes())
}

/// Writes pixels without their fourth byte.
pub(super) fn to_rgb(pixels: &[Rgbx], out: &mut [u8]) {
    for (out, [r, g, b, _]) in out.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
        *out = [*r, *g, *b];
    }
}
