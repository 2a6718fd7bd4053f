//! Pixels to network input.

use facesets_imaging::RgbImage;
use multiversion::multiversion;

/// How levels 0–255 become a network's input: (level − mean) / std, the same for every channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalisation {
    /// Subtracted.
    pub mean: f32,
    /// Divided by.
    pub std: f32,
}

impl Normalisation {
    /// For a graph that normalises itself.
    pub const NONE: Self = Self { mean: 0.0, std: 1.0 };

    /// Such that a level becomes (level − mean) · scale.
    fn scale(self) -> f32 {
        (1.0 / f64::from(self.std)) as f32
    }
}

/// Appends `image` to `batch` as three planes R, G, B of height × width values.
pub fn append_nchw(batch: &mut Vec<f32>, image: &RgbImage, normalisation: Normalisation) {
    let pixels = image.as_raw().as_chunks::<3>().0;
    batch.reserve(3 * pixels.len());
    for channel in 0..3 {
        append_plane(batch, pixels, channel, normalisation.mean, normalisation.scale());
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn append_plane(batch: &mut Vec<f32>, pixels: &[[u8; 3]], channel: usize, mean: f32, scale: f32) {
    let channel = channel.min(2);
    batch.extend(pixels.iter().map(|pixel| (f32::from(pixel[channel]) - mean) * scale));
}

#[cfg(test)]
mod tests {
    use facesets_imaging::Rgb;

    use super::*;

    #[test]
    fn channels_become_planes_in_rgb_order() {
        let image = RgbImage::from_fn(2, 1, |x, _| Rgb([x as u8, 10 + x as u8, 20 + x as u8]));
        let mut batch = vec![9.0];
        append_nchw(&mut batch, &image, Normalisation::NONE);
        assert_eq!(batch, [9.0, 0.0, 1.0, 10.0, 11.0, 20.0, 21.0]);
    }

    #[test]
    fn levels_are_centred_and_scaled() {
        let image = RgbImage::from_pixel(1, 1, Rgb([0, 255, 128]));
        let mut batch = Vec::new();
        append_nchw(&mut batch, &image, Normalisation { mean: 127.5, std: 127.5 });
        for (got, expected) in batch.iter().zip([-1.0, 1.0, 0.5 / 127.5]) {
            assert!((got - expected).abs() < 1e-6, "{got} {expected}");
        }
    }
}
