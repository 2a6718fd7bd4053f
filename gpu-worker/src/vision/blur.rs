//! Sharpness of a face.

use facesets_core::{BBox, geometry::PixelRect};
use facesets_imaging::RgbImage;

/// Variance of the 3×3 Laplacian (0 1 0 / 1 −4 1 / 0 1 0, mirrored at the edge without repeating it) of the grey pixels of
/// `bbox` inside `photo`, at native resolution: `cv2.Laplacian(grey, CV_64F).var()`. 0 when no pixel is inside.
pub fn laplacian_variance(photo: &RgbImage, bbox: &BBox) -> f32 {
    bbox.clamped(photo.width(), photo.height()).map_or(0.0, |rect| variance_of(&grey(photo, rect)))
}

/// Rows of grey levels.
fn grey(photo: &RgbImage, rect: PixelRect) -> Vec<Vec<i32>> {
    let (left, top) = (rect.x as usize, rect.y as usize);
    let (width, height) = (rect.width as usize, rect.height as usize);
    let rows = photo.as_raw().chunks_exact(photo.width() as usize * 3).skip(top).take(height);
    rows.map(|row| row.as_chunks::<3>().0[left..left + width].iter().copied().map(luma).collect()).collect()
}

/// BT.601 luma in the 15-bit fixed point of `OpenCV`'s `cvtColor`.
fn luma([r, g, b]: [u8; 3]) -> i32 {
    (i32::from(r) * 9798 + i32::from(g) * 19235 + i32::from(b) * 3735 + (1 << 14)) >> 15
}

/// Exact until the last division: the sums are integers.
fn variance_of(rows: &[Vec<i32>]) -> f32 {
    let (mut sum, mut squares) = (0i64, 0i64);
    for y in 0..rows.len() {
        let row = &rows[y];
        let (above, below) = (&rows[mirrored_before(y, rows.len())], &rows[mirrored_after(y, rows.len())]);
        for x in 0..row.len() {
            let (left, right) = (row[mirrored_before(x, row.len())], row[mirrored_after(x, row.len())]);
            let laplacian = i64::from(left + right + above[x] + below[x] - 4 * row[x]);
            sum += laplacian;
            squares += laplacian * laplacian;
        }
    }
    let count = (rows.len() * rows.first().map_or(0, Vec::len)) as i128;
    let spread = count * i128::from(squares) - i128::from(sum) * i128::from(sum);
    (spread as f64 / (count * count) as f64) as f32
}

fn mirrored_before(at: usize, len: usize) -> usize {
    if at > 0 { at - 1 } else { 1.min(len - 1) }
}

fn mirrored_after(at: usize, len: usize) -> usize {
    if at + 1 < len { at + 1 } else { len.saturating_sub(2) }
}

#[cfg(test)]
mod tests {
    use facesets_imaging::Rgb;

    use super::*;

    fn whole(photo: &RgbImage) -> BBox {
        BBox::new([0.0, 0.0, photo.width() as f32, photo.height() as f32]).unwrap()
    }

    #[test]
    fn a_flat_face_has_none_and_a_checkerboard_has_much() {
        let flat = RgbImage::from_pixel(16, 16, Rgb([90, 120, 30]));
        assert!(laplacian_variance(&flat, &whole(&flat)).abs() < f32::EPSILON);
        let board = RgbImage::from_fn(16, 16, |x, y| Rgb([255 * ((x + y) % 2) as u8; 3]));
        // Every Laplacian is ±4 · 255, half of them each.
        assert!((laplacian_variance(&board, &whole(&board)) - 1_040_400.0).abs() < 0.5);
    }

    #[test]
    fn one_bright_pixel_gives_the_sums_of_the_kernel() {
        let photo = RgbImage::from_fn(5, 5, |x, y| Rgb([if (x, y) == (2, 2) { 10 } else { 0 }; 3]));
        // One −40 and four 10 among 25: mean 0, squares 2000.
        assert!((laplacian_variance(&photo, &whole(&photo)) - 80.0).abs() < 1e-4);
    }

    #[test]
    fn a_box_outside_the_photo_or_of_one_pixel_is_zero() {
        let photo = RgbImage::from_fn(8, 8, |x, y| Rgb([(x * y) as u8; 3]));
        for corners in [[20.0, 20.0, 30.0, 30.0], [-9.0, -9.0, -1.0, -1.0], [3.0, 3.0, 4.0, 4.0]] {
            let bbox = BBox::new(corners).unwrap();
            assert!(laplacian_variance(&photo, &bbox).abs() < f32::EPSILON, "{corners:?}");
        }
    }
}
