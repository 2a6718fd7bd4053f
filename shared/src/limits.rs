//! What one image may be at most.

/// Bounds on one image; checked before anything of that size is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageLimits {
    /// Encoded size in bytes.
    pub max_bytes: u64,
    /// Decoded size in pixels, width × height.
    pub max_pixels: u64,
}

impl Default for ImageLimits {
    /// 256 MiB and 200 megapixels: above every camera and stitched phone panorama, below what would hurt an 8 GiB machine
    /// (1.5 to 3 bytes a pixel of most photos while they are decoded, up to 35 of a TIFF of floats).
    fn default() -> Self {
        Self { max_bytes: 256 << 20, max_pixels: 200_000_000 }
    }
}
