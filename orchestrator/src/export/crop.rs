//! Square crops of upright photos.

use facesets_core::BBox;
use facesets_imaging::RgbImage;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image};

use super::plan::square_around;

/// A crop that cannot be made; neither happens for boxes of real detections.
#[derive(Debug, thiserror::Error)]
pub enum CropError {
    /// A side of no pixel, or of more than any photo has.
    #[error("a crop of side {0} px cannot be made")]
    Side(f32),
    /// The resizer refused.
    #[error("the crop cannot be resized: {0}")]
    Resize(String),
}

/// Longest side of a crop before it is resized: more than any image within the limits on pixels needs.
const MAX_SIDE: f32 = 65_536.0;

/// Cuts the square of side (1 + 2·`pad_ratio`) · long side about the centre of `bbox` out of `photo`, pixels outside of it black, and
/// resizes it to `out_size` × `out_size` with a Lanczos filter (antialiased when shrinking).
pub fn square_crop(
    photo: &RgbImage,
    bbox: &BBox,
    pad_ratio: f32,
    out_size: u32,
) -> Result<RgbImage, CropError> {
    let square = square_around(bbox, pad_ratio);
    let side = square.width().round();
    if !(1.0..=MAX_SIDE).contains(&side) {
        return Err(CropError::Side(side));
    }
    let cut = cut_square(photo, square.x1.round() as i64, square.y1.round() as i64, side as u32);
    if cut.width() == out_size {
        return Ok(cut);
    }
    resized(cut, out_size)
}

/// The square of `side` pixels whose top left pixel is (`left`, `top`), black where the photo has no pixel.
fn cut_square(photo: &RgbImage, left: i64, top: i64, side: u32) -> RgbImage {
    let mut cut = RgbImage::new(side, side);
    let (width, height) = (i64::from(photo.width()), i64::from(photo.height()));
    let (x1, x2) = (left.clamp(0, width), (left + i64::from(side)).clamp(0, width));
    let (y1, y2) = (top.clamp(0, height), (top + i64::from(side)).clamp(0, height));
    if x1 >= x2 {
        return cut;
    }
    let bytes = 3 * (x2 - x1) as usize;
    let (from_stride, to_stride) = (3 * width as usize, 3 * side as usize);
    let pixels: &mut [u8] = &mut cut;
    for y in y1..y2 {
        let from = y as usize * from_stride + 3 * x1 as usize;
        let to = (y - top) as usize * to_stride + 3 * (x1 - left) as usize;
        let source = &photo.as_raw()[from..from + bytes];
        pixels[to..to + bytes].copy_from_slice(source);
    }
    cut
}

fn resized(image: RgbImage, size: u32) -> Result<RgbImage, CropError> {
    let failed = |error: &dyn std::fmt::Display| CropError::Resize(error.to_string());
    let (width, height) = image.dimensions();
    let source =
        Image::from_vec_u8(width, height, image.into_raw(), PixelType::U8x3).map_err(|e| failed(&e))?;
    let mut target = Image::new(size, size, PixelType::U8x3);
    let options =
        ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3)).use_alpha(false);
    Resizer::new().resize(&source, &mut target, &options).map_err(|e| failed(&e))?;
    RgbImage::from_raw(size, size, target.into_vec()).ok_or(CropError::Side(size as f32))
}

#[cfg(test)]
mod tests {
    use facesets_imaging::Rgb;
    use proptest::prelude::*;

    use super::*;

    fn photo() -> RgbImage {
        RgbImage::from_fn(60, 40, |x, y| Rgb([x as u8 + 1, y as u8 + 1, 200]))
    }

    #[test]
    fn a_crop_inside_the_photo_is_its_pixels() {
        let cut = cut_square(&photo(), 10, 5, 20);
        assert!(cut.enumerate_pixels().all(|(x, y, pixel)| pixel == photo().get_pixel(x + 10, y + 5)));
    }

    #[test]
    fn beyond_the_border_a_crop_is_black() {
        let cut = cut_square(&photo(), -5, 30, 20);
        for (x, y, pixel) in cut.enumerate_pixels() {
            let inside = x >= 5 && y < 10;
            let expected = if inside { *photo().get_pixel(x - 5, y + 30) } else { Rgb([0, 0, 0]) };
            assert_eq!(*pixel, expected, "{x},{y}");
        }
    }

    proptest! {
        #[test]
        fn a_pixel_of_a_crop_is_the_photo_s_where_the_photo_has_one_and_black_elsewhere(
            left in -200i64..200, top in -200i64..200, side in 1u32..150,
        ) {
            let photo = photo();
            for (x, y, pixel) in cut_square(&photo, left, top, side).enumerate_pixels() {
                let (x, y) = (left + i64::from(x), top + i64::from(y));
                let inside = (0..60).contains(&x) && (0..40).contains(&y);
                let expected = if inside { *photo.get_pixel(x as u32, y as u32) } else { Rgb([0, 0, 0]) };
                prop_assert_eq!(*pixel, expected);
            }
        }

        #[test]
        fn a_crop_has_its_size_wherever_the_box_lies(
            x in -300.0f32..300.0, y in -300.0f32..300.0, w in 1.0f32..200.0, h in 1.0f32..200.0, pad in 0.0f32..1.0, size in 1u32..80,
        ) {
            let bbox = BBox::new([x, y, x + w, y + h]).unwrap();
            prop_assert_eq!(square_crop(&photo(), &bbox, pad, size).unwrap().dimensions(), (size, size));
        }
    }
}
