//! The limit on pixels, checked by every decoder as soon as it knows the size.

use facesets_core::ImageLimits;

use crate::DecodeError;

/// Refuses an image whose header announces too many pixels.
pub(crate) fn check_pixels(width: u64, height: u64, limits: &ImageLimits) -> Result<(), DecodeError> {
    let max_pixels = limits.max_pixels;
    if width.saturating_mul(height) > max_pixels {
        return Err(DecodeError::TooManyPixels { width, height, max_pixels });
    }
    Ok(())
}
