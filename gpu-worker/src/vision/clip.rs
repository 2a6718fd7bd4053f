//! What CLIP's visual tower is shown: the middle of a photo, shrunk as Pillow does it, normalised as `OpenAI`
//! did.
//!
//! The reference is `open_clip`'s transform for evaluation on a Pillow image: the shortest side to 224 with
//! antialiased bicubic, the middle 224 × 224, levels / 255, mean and deviation of each channel. Bit for bit,
//! since the arithmetic is integer: Pillow resamples 8-bit images with weights of 22 fractional bits, columns
//! first, rounding to 8 bits in between.

use std::ops::Range;

use facesets_imaging::RgbImage;

/// Side of the square that the tower is shown, in pixels.
pub const CLIP_SIDE: u32 = 224;

/// Mean and deviation of red, green and blue in [0, 1], from `OpenAI`'s CLIP.
const CHANNELS: [(f32, f32); 3] =
    [(0.481_454_66, 0.268_629_54), (0.457_827_5, 0.261_302_6), (0.408_210_73, 0.275_777_1)];

/// Fractional bits of Pillow's weights for 8-bit images: 32, less 8 for the level and 2 for sums beyond the
/// range.
const WEIGHT_BITS: u32 = 22;

/// How far the cubic reaches, in pixels of the coarser of both images.
const CUBIC_SUPPORT: f64 = 2.0;

/// The middle of `photo` at [`CLIP_SIDE`] × [`CLIP_SIDE`] pixels.
///
/// Only what is in the crop is computed, so that a photo of one row costs no more than any other.
///
/// # Panics
/// If the photo has no pixels.
pub fn clip_crop(photo: &RgbImage) -> RgbImage {
    let (width, height) = photo.dimensions();
    assert!(width > 0 && height > 0, "a decoded photo has pixels");
    let columns = middle_taps(width, width.min(height));
    let rows = middle_taps(height, width.min(height));
    let needed = needed(&rows);

    let side = CLIP_SIDE as usize;
    let mut narrowed = vec![[0; 3]; needed.len() * side];
    let source_rows = photo.as_raw().chunks_exact(width as usize * 3).skip(needed.start);
    for (source, out) in source_rows.zip(narrowed.chunks_exact_mut(side)) {
        let source = source.as_chunks::<3>().0;
        for (taps, out) in columns.iter().zip(out) {
            *out = taps.sum(&source[taps.first..]);
        }
    }

    let mut crop = RgbImage::new(CLIP_SIDE, CLIP_SIDE);
    let mut sums = vec![0; side * 3];
    for (taps, out) in rows.iter().zip(crop.chunks_exact_mut(side * 3)) {
        sums.fill(1 << (WEIGHT_BITS - 1));
        let below = narrowed.chunks_exact(side).skip(taps.first - needed.start);
        for (row, weight) in below.zip(&taps.weights) {
            for (sum, level) in sums.iter_mut().zip(row.as_flattened()) {
                *sum += i32::from(*level) * weight;
            }
        }
        for (out, sum) in out.iter_mut().zip(&sums) {
            *out = level(*sum);
        }
    }
    crop
}

/// Appends a crop of [`clip_crop`] to `batch` as the tower wants it: planes R, G, B of normalised values.
pub fn append_clip(batch: &mut Vec<f32>, crop: &RgbImage) {
    let pixels = crop.as_raw().as_chunks::<3>().0;
    for (channel, (mean, std)) in CHANNELS.into_iter().enumerate() {
        let table: [f32; 256] = std::array::from_fn(|level| (level as f32 / 255.0 - mean) / std);
        batch.extend(pixels.iter().map(|pixel| table[usize::from(pixel[channel])]));
    }
}

/// What one pixel of the result is made of along one axis.
#[derive(Debug, Clone, PartialEq)]
struct Taps {
    /// Position of the first weight in the photo.
    first: usize,
    /// In units of 2^-[`WEIGHT_BITS`].
    weights: Vec<i32>,
}

impl Taps {
    fn sum(&self, pixels: &[[u8; 3]]) -> [u8; 3] {
        let mut sums = [1 << (WEIGHT_BITS - 1); 3];
        for (pixel, weight) in pixels.iter().zip(&self.weights) {
            for (sum, level) in sums.iter_mut().zip(pixel) {
                *sum += i32::from(*level) * weight;
            }
        }
        sums.map(level)
    }
}

fn level(sum: i32) -> u8 {
    (sum >> WEIGHT_BITS).clamp(0, 255) as u8
}

/// The source positions that any of `taps` looks at.
fn needed(taps: &[Taps]) -> Range<usize> {
    let end = |taps: &Taps| taps.first + taps.weights.len();
    let first = taps.iter().map(|taps| taps.first).min().unwrap_or(0);
    first..taps.iter().map(end).max().unwrap_or(first)
}

/// Taps for the middle [`CLIP_SIDE`] pixels of an axis of `len` pixels, when the photo's `shortest` side
/// becomes [`CLIP_SIDE`].
fn middle_taps(len: u32, shortest: u32) -> Vec<Taps> {
    // torchvision truncates the longer side, and rounds the crop's offset to the nearest even number.
    let resized = u64::from(CLIP_SIDE) * u64::from(len) / u64::from(shortest);
    let offset = ((resized - u64::from(CLIP_SIDE)) as f64 / 2.0).round_ties_even();
    let scale = f64::from(len) / resized as f64;
    (0..CLIP_SIDE).map(|i| cubic_taps((offset + f64::from(i) + 0.5) * scale, scale, len)).collect()
}

/// Weights of the pixels around `centre`, of an axis of `len` pixels that is shrunk by `scale` (or enlarged,
/// below 1).
fn cubic_taps(centre: f64, scale: f64, len: u32) -> Taps {
    let stretch = scale.max(1.0);
    let support = CUBIC_SUPPORT * stretch;
    // Casts truncate towards zero, and `as usize` takes what is below zero for zero.
    let first = (centre - support + 0.5) as usize;
    let end = ((centre + support + 0.5) as usize).min(len as usize);
    let shrink = 1.0 / stretch;
    let weights: Vec<f64> = (first..end).map(|at| cubic((at as f64 - centre + 0.5) * shrink)).collect();
    let total: f64 = weights.iter().sum();
    let one = f64::from(1u32 << WEIGHT_BITS);
    // Half away from zero, as Pillow rounds them.
    let weights = weights.iter().map(|weight| (weight / total * one).round() as i32).collect();
    Taps { first, weights }
}

/// Keys' cubic with a = −0.5.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

#[cfg(test)]
#[path = "clip_tests.rs"]
mod tests;
