//! What must hold of any bytes that claim to be a photo: the mutations beside this file and `tests/fuzz`
//! demand it.

use facesets_core::ImageLimits;
use facesets_imaging::{
    DecodeError, RgbImage, camera_tags, decode_photo_in, decode_rows_in, decode_upright, worker_can_decode,
};

/// Every seed is within them.
const LIMITS: ImageLimits = ImageLimits { max_bytes: 1 << 20, max_pixels: 20_000 };

/// An image within limits, the same whether its pixels are made RGB at once or later, or an error that keeps
/// its own promises.
pub(crate) fn photo(bytes: &[u8]) {
    let decoded = decode_upright(bytes, &LIMITS);
    let later = decode_photo_in(Vec::new(), bytes, &LIMITS).map(|photo| photo.to_rgb().into_owned());
    assert_eq!(later, decoded);
    match decoded {
        Ok(image) => {
            let (width, height) = (u64::from(image.width()), u64::from(image.height()));
            assert!((1..=LIMITS.max_pixels).contains(&(width * height)), "{width} × {height} pixels");
            first_half(bytes, &image);
        }
        Err(DecodeError::TooManyPixels { width, height, .. }) => {
            assert!(width.saturating_mul(height) > LIMITS.max_pixels, "{width} × {height} are not too many");
        }
        Err(DecodeError::TooManyBytes { bytes, .. }) => assert!(bytes > LIMITS.max_bytes),
        Err(DecodeError::Empty) => assert!(bytes.is_empty()),
        Err(DecodeError::UnknownFormat) => {
            assert!(!worker_can_decode(bytes), "a worker would be sent what is unknown");
        }
        Err(DecodeError::Unsupported(_) | DecodeError::Damaged { .. }) => {}
    }
    camera_tags(bytes);
}

/// The upper half of a photo alone has the same pixels.
fn first_half(bytes: &[u8], image: &RgbImage) {
    let half = image.height() / 2;
    let photo = decode_rows_in(Vec::new(), bytes, &LIMITS, half).expect("the whole can be decoded");
    let (mut rows, width) = (photo.rows(), image.width() as usize);
    for (y, row) in image.as_raw().chunks_exact(3 * width).take(half as usize).enumerate() {
        assert_eq!(rows.get(y), row);
    }
}
