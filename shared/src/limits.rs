//! What one image may be at most.

/// Bounds on one image; checked before anything of that size is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageLimits {
    /// Encoded size in bytes.
    pub max_bytes: u64,
    /// Decoded size in pixels, width × height.
    pub max_pixels: u64,
}

impl ImageLimits {
    /// Bytes of an image that somebody has encoded anew without loss: three a pixel, and a third more for
    /// what cannot be packed. It is no file, so the limit on files says nothing of it.
    pub fn max_transcoded_bytes(&self) -> u64 {
        self.max_pixels.saturating_mul(4).max(self.max_bytes)
    }
}

impl Default for ImageLimits {
    /// 256 MiB and 200 megapixels: above every camera and stitched phone panorama, below what would hurt an 8
    /// GiB machine (1.5 to 3 bytes a pixel of most photos while they are decoded, up to 19 of a PNG of 16
    /// bits that lies on its side).
    fn default() -> Self {
        Self { max_bytes: 256 << 20, max_pixels: 200_000_000 }
    }
}
