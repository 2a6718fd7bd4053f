//! Why bytes are not a photo.

/// A photo that cannot be decoded. The messages name no file: the caller knows it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// No bytes at all.
    #[error("the file is empty")]
    Empty,
    /// Not the beginning of any known image format.
    #[error("the content is no image format known here")]
    UnknownFormat,
    /// An image format that is recognised but not decoded.
    #[error("{0} images are not supported")]
    Unsupported(String),
    /// More encoded bytes than allowed.
    #[error("the file has {bytes} bytes, more than the limit of {max_bytes}")]
    TooManyBytes {
        /// Encoded size.
        bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// More pixels than allowed; found in the header, before anything is allocated.
    #[error("the image is {width}×{height} pixels, more than the limit of {max_pixels} pixels")]
    TooManyPixels {
        /// Columns.
        width: u64,
        /// Rows.
        height: u64,
        /// The limit on their product.
        max_pixels: u64,
    },
    /// Right format, broken content.
    #[error("the {format} data are damaged: {reason}")]
    Damaged {
        /// Format by its first bytes.
        format: &'static str,
        /// What the decoder says.
        reason: String,
    },
}
