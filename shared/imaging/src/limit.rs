//! The limits on pixels, checked by every decoder as soon as it knows the size.

use facesets_core::ImageLimits;

use crate::DecodeError;

/// Refuses an image whose header announces no pixels (GIF's may, and whoever scales it would divide by zero)
/// or too many.
pub(crate) fn check_pixels(
    format: &'static str,
    width: u64,
    height: u64,
    limits: &ImageLimits,
) -> Result<(), DecodeError> {
    let max_pixels = limits.max_pixels;
    if width == 0 || height == 0 {
        let reason = "an image without pixels".to_owned();
        return Err(DecodeError::Damaged { format, reason });
    }
    if width.saturating_mul(height) > max_pixels {
        return Err(DecodeError::TooManyPixels { width, height, max_pixels });
    }
    Ok(())
}
