//! The difference hash of a picture: which of two neighbouring patches is brighter, 64 times.

use facesets_imaging::RgbImage;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image};

/// Patches in a row; one more than bits.
const COLUMNS: u32 = 9;

/// Rows of patches.
const ROWS: u32 = 8;

/// A picture that cannot be hashed; does not happen for decoded photos.
#[derive(Debug, thiserror::Error)]
#[error("the picture cannot be scaled: {0}")]
pub struct HashError(String);

/// The difference hash (dHash) of an upright picture: BT.601 grey, averaged down to 9 × 8 patches; bit
/// 8·row + column, from the lowest, is set where a patch is brighter than its right neighbour. Scaling,
/// recompressing and even changes of brightness leave it nearly as it is.
pub fn difference_hash(picture: &RgbImage) -> Result<u64, HashError> {
    let grey: Vec<u8> = picture
        .pixels()
        .map(|pixel| {
            let [r, g, b] = pixel.0.map(u32::from);
            ((299 * r + 587 * g + 114 * b + 500) / 1000) as u8
        })
        .collect();
    let failed = |error: &dyn std::fmt::Display| HashError(error.to_string());
    let source = Image::from_vec_u8(picture.width(), picture.height(), grey, PixelType::U8)
        .map_err(|error| failed(&error))?;
    let mut patches = Image::new(COLUMNS, ROWS, PixelType::U8);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Box));
    Resizer::new().resize(&source, &mut patches, &options).map_err(|error| failed(&error))?;
    let mut hash = 0;
    for (y, row) in patches.buffer().chunks_exact(COLUMNS as usize).enumerate() {
        for (x, pair) in row.windows(2).enumerate() {
            hash |= u64::from(pair[0] > pair[1]) << (8 * y + x);
        }
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waves of light across a picture.
    fn picture(width: u32, height: u32, phase: f32, brightness: f32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let (x, y) = (x as f32 / width as f32, y as f32 / height as f32);
            let wave = ((x * 9.0 + y * 4.0 + phase).sin() + (y * 11.0 - x * 3.0).cos()) * 50.0 + 110.0;
            image::Rgb([(wave * brightness) as u8; 3])
        })
    }

    fn different_bits(a: &RgbImage, b: &RgbImage) -> u32 {
        (difference_hash(a).unwrap() ^ difference_hash(b).unwrap()).count_ones()
    }

    #[test]
    fn a_copy_of_another_size_and_brightness_has_nearly_the_same_hash_and_another_picture_has_not() {
        let original = picture(640, 480, 0.0, 1.0);
        assert!(different_bits(&original, &picture(333, 250, 0.0, 1.0)) <= 2);
        assert!(different_bits(&original, &picture(640, 480, 0.0, 0.7)) <= 2);
        assert!(different_bits(&original, &picture(640, 480, 2.5, 1.0)) > super::super::MAX_DIFFERENT_BITS);
    }
}
