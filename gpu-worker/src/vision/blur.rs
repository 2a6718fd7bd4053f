//! Sharpness of a face.

use facesets_core::{BBox, geometry::PixelRect};
use facesets_imaging::Window;
use multiversion::multiversion;

/// Pixels of a row whose squares add up within 31 bits: a Laplacian of bytes is at most 4 · 255.
const SUMMED_AT_ONCE: usize = 1024;

/// Variance of the 3×3 Laplacian (0 1 0 / 1 −4 1 / 0 1 0, mirrored at the edge without repeating it) of the
/// grey pixels of `bbox` inside `photo`, at native resolution: `cv2.Laplacian(grey, CV_64F).var()`. 0 when no
/// pixel is inside.
///
/// # Panics
/// If the window is smaller than that.
pub fn laplacian_variance(photo: &Window<'_>, bbox: &BBox) -> f32 {
    let Some(rect) = bbox.clamped(photo.photo_width, photo.photo_height) else { return 0.0 };
    let rows = Grey::new(photo, rect);
    let (mut sum, mut squares) = (0, 0);
    // Three rows at a time, each made grey once.
    let mut grey: [Vec<i32>; 3] = Default::default();
    let [above, row, below] = &mut grey;
    rows.read(0, row);
    rows.read(mirrored_before(0, rows.count), above);
    for y in 0..rows.count {
        rows.read(mirrored_after(y, rows.count), below);
        let (of_row, of_squares) = sums(above, row, below);
        sum += of_row;
        squares += of_squares;
        std::mem::swap(above, row);
        std::mem::swap(row, below);
    }
    variance(sum, squares, u64::from(rect.width) * u64::from(rect.height))
}

/// Exact until the division.
fn variance(sum: i64, squares: i64, count: u64) -> f32 {
    let count = i128::from(count);
    let spread = count * i128::from(squares) - i128::from(sum) * i128::from(sum);
    (spread as f64 / (count * count) as f64) as f32
}

/// The rows of a part of a photo.
struct Grey<'a> {
    pixels: &'a [[u8; 3]],
    stride: usize,
    left: usize,
    top: usize,
    width: usize,
    count: usize,
}

impl<'a> Grey<'a> {
    fn new(window: &Window<'a>, rect: PixelRect) -> Self {
        let (x, y) = (rect.x - window.rect.x, rect.y - window.rect.y);
        assert!(x + rect.width <= window.rect.width, "a window is as wide as what is looked at");
        let [left, top, width, count] = [x, y, rect.width, rect.height].map(|v| v as usize);
        Self { pixels: window.rgb.as_chunks().0, stride: window.rect.width as usize, left, top, width, count }
    }

    /// The grey levels of a row with one mirrored at each end, instead of whatever `row` holds.
    fn read(&self, y: usize, row: &mut Vec<i32>) {
        let (start, width) = ((self.top + y) * self.stride + self.left, self.width);
        row.resize(width + 2, 0);
        to_grey(&self.pixels[start..start + width], &mut row[1..=width]);
        row[0] = row[1 + mirrored_before(0, width)];
        row[width + 1] = row[1 + mirrored_after(width - 1, width)];
    }
}

/// BT.601 luma in the 15-bit fixed point of `OpenCV`'s `cvtColor`.
#[multiversion(targets("x86_64+avx2"))]
fn to_grey(pixels: &[[u8; 3]], levels: &mut [i32]) {
    for (level, [r, g, b]) in levels.iter_mut().zip(pixels) {
        *level = (i32::from(*r) * 9798 + i32::from(*g) * 19235 + i32::from(*b) * 3735 + (1 << 14)) >> 15;
    }
}

/// Sum of the Laplacians of a row, and of their squares.
fn sums(above: &[i32], row: &[i32], below: &[i32]) -> (i64, i64) {
    let width = row.len() - 2;
    let (mut sum, mut squares) = (0, 0);
    for start in (0..width).step_by(SUMMED_AT_ONCE) {
        let end = width.min(start + SUMMED_AT_ONCE);
        let of_part = sums_of_part(&above[start + 1..=end], &row[start..end + 2], &below[start + 1..=end]);
        sum += i64::from(of_part.0);
        squares += i64::from(of_part.1);
    }
    (sum, squares)
}

/// The same of at most [`SUMMED_AT_ONCE`] pixels; `row` has one more at each end than the rows above and
/// below it.
#[multiversion(targets("x86_64+avx2"))]
fn sums_of_part(above: &[i32], row: &[i32], below: &[i32]) -> (i32, i32) {
    let count = above.len();
    let (left, middle, right, below) = (&row[..count], &row[1..=count], &row[2..count + 2], &below[..count]);
    let (mut sum, mut squares) = (0, 0);
    for x in 0..count {
        let laplacian = left[x] + right[x] + above[x] + below[x] - 4 * middle[x];
        sum += laplacian;
        squares += laplacian * laplacian;
    }
    (sum, squares)
}

fn mirrored_before(at: usize, len: usize) -> usize {
    if at > 0 { at - 1 } else { 1.min(len - 1) }
}

fn mirrored_after(at: usize, len: usize) -> usize {
    if at + 1 < len { at + 1 } else { len.saturating_sub(2) }
}

#[cfg(test)]
mod tests {
    use facesets_imaging::{Rgb, RgbImage};

    use super::*;

    fn whole(photo: &RgbImage) -> BBox {
        BBox::new([0.0, 0.0, photo.width() as f32, photo.height() as f32]).unwrap()
    }

    #[test]
    fn a_flat_face_has_none_and_a_checkerboard_has_much() {
        let flat = RgbImage::from_pixel(16, 16, Rgb([90, 120, 30]));
        assert!(laplacian_variance(&Window::of(&flat), &whole(&flat)).abs() < f32::EPSILON);
        let board = RgbImage::from_fn(16, 16, |x, y| Rgb([255 * ((x + y) % 2) as u8; 3]));
        // Every Laplacian is ±4 · 255, half of them each.
        assert!((laplacian_variance(&Window::of(&board), &whole(&board)) - 1_040_400.0).abs() < 0.5);
    }

    #[test]
    fn one_bright_pixel_gives_the_sums_of_the_kernel() {
        let photo = RgbImage::from_fn(5, 5, |x, y| Rgb([if (x, y) == (2, 2) { 10 } else { 0 }; 3]));
        // One −40 and four 10 among 25: mean 0, squares 2000.
        assert!((laplacian_variance(&Window::of(&photo), &whole(&photo)) - 80.0).abs() < 1e-4);
    }

    #[test]
    fn a_box_outside_the_photo_or_of_one_pixel_is_zero() {
        let photo = RgbImage::from_fn(8, 8, |x, y| Rgb([(x * y) as u8; 3]));
        for corners in [[20.0, 20.0, 30.0, 30.0], [-9.0, -9.0, -1.0, -1.0], [3.0, 3.0, 4.0, 4.0]] {
            let bbox = BBox::new(corners).unwrap();
            assert!(laplacian_variance(&Window::of(&photo), &bbox).abs() < f32::EPSILON, "{corners:?}");
        }
    }
}
