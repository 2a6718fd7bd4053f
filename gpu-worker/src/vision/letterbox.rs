//! Fitting a photo into the detector's square input.

use facesets_imaging::{Photo, RgbImage};

use super::resize_bilinear;

/// A photo shrunk or enlarged into the top left of a black square.
#[derive(Debug, Clone, PartialEq)]
pub struct Letterbox {
    /// `side` × `side` pixels.
    pub canvas: RgbImage,
    /// Canvas pixels per photo pixel. One number for both axes, as `InsightFace` has it, though truncation
    /// makes the horizontal scale differ by a fraction of a pixel.
    pub scale: f32,
}

/// Fits `photo` into a square of `side` pixels: aspect kept, sizes truncated, top left, zero padding.
///
/// A photo so narrow that truncation leaves nothing is given one pixel (`InsightFace` fails there).
pub fn letterbox(photo: &Photo, side: u32) -> Letterbox {
    let (photo_width, photo_height) = photo.dimensions();
    let aspect = f64::from(photo_height) / f64::from(photo_width);
    let (width, height) = if aspect > 1.0 {
        (((f64::from(side) / aspect) as u32).max(1), side)
    } else {
        (side, ((f64::from(side) * aspect) as u32).max(1))
    };
    let scale = (f64::from(height) / f64::from(photo_height)) as f32;

    let resized = resize_bilinear(photo, width, height);
    let mut canvas = RgbImage::new(side, side);
    let (row_len, canvas_row_len) = (width as usize * 3, side as usize * 3);
    for (from, to) in resized.as_raw().chunks_exact(row_len).zip(canvas.chunks_exact_mut(canvas_row_len)) {
        to[..row_len].copy_from_slice(from);
    }
    Letterbox { canvas, scale }
}

#[cfg(test)]
mod tests {
    use facesets_imaging::Rgb;

    use super::*;

    #[test]
    fn a_photo_fills_the_top_left_and_the_rest_is_black() {
        let white = Rgb([255; 3]);
        let fitted = letterbox(&RgbImage::from_pixel(100, 50, white).into(), 64);
        assert_eq!(fitted.scale.to_bits(), 0.64f32.to_bits());
        for (x, y, pixel) in fitted.canvas.enumerate_pixels() {
            assert_eq!(*pixel, if y < 32 { white } else { Rgb([0; 3]) }, "{x}, {y}");
        }
    }

    #[test]
    fn sizes_are_truncated_and_the_scale_follows_the_height() {
        // 640 × 333 / 1000 = 213.12.
        let fitted = letterbox(&RgbImage::new(1000, 333).into(), 640);
        assert_eq!(fitted.scale.to_bits(), ((213.0f64 / 333.0) as f32).to_bits());
        assert_eq!(letterbox(&RgbImage::new(333, 1000).into(), 640).scale.to_bits(), 0.64f32.to_bits());
    }

    #[test]
    fn a_line_of_pixels_still_has_a_scale_above_zero() {
        assert!(letterbox(&RgbImage::new(5000, 1).into(), 64).scale > 0.0);
        assert!(letterbox(&RgbImage::new(1, 5000).into(), 64).scale > 0.0);
    }
}
