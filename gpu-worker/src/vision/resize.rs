//! `OpenCV`'s 8-bit bilinear resize, bit for bit.
//!
//! A correct resize in floating point moves keypoints by up to 0.26 px, so `OpenCV`'s fixed-point arithmetic
//! is part of the reference: 11-bit weights, the horizontal pass first, four bits dropped between the passes.

use facesets_imaging::{Photo, RgbImage, Rows};
use multiversion::multiversion;

use super::lanes::{self, PAIR, Rgbx};

/// Weights are multiples of 1 / 2048.
const WEIGHT_ONE: f32 = 2048.0;

/// Two neighbouring source positions along one axis and their weights, which add up to 2048.
#[derive(Debug, Clone, Copy)]
struct Tap {
    first: usize,
    second: usize,
    first_weight: i32,
    second_weight: i32,
}

/// What happens to the weights of a position beyond the outermost pixel centres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    /// Columns: all weight goes to the outermost pixel.
    OutermostOnly,
    /// Rows: both positions are the outermost pixel and keep their weights. Truncation makes this differ by
    /// one level.
    KeepWeights,
}

/// Resizes to `width` × `height`, both at least 1, as `cv2.resize(…, INTER_LINEAR)` does.
pub fn resize_bilinear(source: &Photo, width: u32, height: u32) -> RgbImage {
    let (source_width, source_height) = source.dimensions();
    let columns = Columns::new(source_width, width);
    let rows = taps(source_height, height, Edge::KeepWeights);
    let mut source_rows = source.rows();

    let mut output = RgbImage::new(width, height);
    let mut upper = CachedRow::new(width as usize);
    let mut lower = CachedRow::new(width as usize);
    let mut blended: Vec<Rgbx> = vec![[0; 4]; width as usize];
    for (tap, out) in rows.iter().zip(output.chunks_exact_mut(width as usize * 3)) {
        // Going down, this row's upper neighbour is often the last row's lower one.
        if upper.index != Some(tap.first) && lower.index == Some(tap.first) {
            std::mem::swap(&mut upper, &mut lower);
        }
        upper.load(tap.first, &mut source_rows, &columns);
        lower.load(tap.second, &mut source_rows, &columns);
        blend_rows(
            [tap.first_weight, tap.second_weight],
            &upper.values,
            &lower.values,
            blended.as_flattened_mut(),
        );
        lanes::to_rgb(&blended, out);
    }
    output
}

fn taps(source: u32, target: u32, edge: Edge) -> Vec<Tap> {
    // OpenCV inverts the inverse; so must we, for the same last bit.
    let scale = 1.0 / (f64::from(target) / f64::from(source));
    let last = i64::from(source) - 1;
    (0..target)
        .map(|i| {
            let position = ((f64::from(i) + 0.5) * scale - 0.5) as f32;
            let mut first = position.floor() as i64;
            let mut fraction = position - first as f32;
            if edge == Edge::OutermostOnly && (first < 0 || first >= last) {
                first = first.clamp(0, last);
                fraction = 0.0;
            }
            Tap {
                first: first.clamp(0, last) as usize,
                second: (first + 1).clamp(0, last) as usize,
                first_weight: ((1.0 - fraction) * WEIGHT_ONE).round_ties_even() as i32,
                second_weight: (fraction * WEIGHT_ONE).round_ties_even() as i32,
            }
        })
        .collect()
}

/// The horizontal pass: where to read both neighbours of every pixel, and their weights, four of each a
/// pixel, so that the arithmetic is the same for every byte of a row. Where there is no second neighbour, its
/// weight is 0.
struct Columns {
    /// A byte of the row, and the bits after it that belong to earlier pixels: a row must not be read beyond
    /// its end.
    starts: Vec<(usize, u32)>,
    first_weights: Vec<i32>,
    second_weights: Vec<i32>,
}

impl Columns {
    fn new(source: u32, target: u32) -> Self {
        let taps = taps(source, target, Edge::OutermostOnly);
        let weights =
            |weight: fn(&Tap) -> i32| taps.iter().flat_map(|tap| [weight(tap); 4]).collect::<Vec<_>>();
        let last_start = (source as usize * 3).saturating_sub(PAIR);
        let start = |tap: &Tap| {
            let start = last_start.min(3 * tap.first);
            (start, 8 * (3 * tap.first - start) as u32)
        };
        Self {
            starts: taps.iter().map(start).collect(),
            first_weights: weights(|tap| tap.first_weight),
            second_weights: weights(|tap| tap.second_weight),
        }
    }
}

/// One source row after the horizontal pass.
struct CachedRow {
    index: Option<usize>,
    /// Both neighbours of every pixel.
    first: Vec<Rgbx>,
    second: Vec<Rgbx>,
    values: Vec<i32>,
}

impl CachedRow {
    fn new(width: usize) -> Self {
        let levels = || vec![[0; 4]; width];
        Self { index: None, first: levels(), second: levels(), values: vec![0; 4 * width] }
    }

    fn load(&mut self, index: usize, source_rows: &mut Rows<'_>, columns: &Columns) {
        if self.index == Some(index) {
            return;
        }
        self.index = Some(index);
        // Two pixels are shorter than what is read of them.
        let mut short = [0; PAIR];
        let row = match source_rows.get(index) {
            row if row.len() < PAIR => {
                short[..row.len()].copy_from_slice(row);
                &short
            }
            row => row,
        };
        fetch(row);
        let neighbours = self.first.iter_mut().zip(&mut self.second);
        for ((first, second), (start, skipped)) in neighbours.zip(&columns.starts) {
            [*first, *second] = lanes::pair(&row[*start..], *skipped);
        }
        weigh(
            [self.first.as_flattened(), self.second.as_flattened()],
            [&columns.first_weights, &columns.second_weights],
            &mut self.values,
        );
    }
}

/// Reads a byte of every cache line, so that many of them are on their way from memory at once.
fn fetch(row: &[u8]) {
    std::hint::black_box(row.iter().step_by(64).fold(0, |any, byte| any | byte));
}

#[multiversion(targets("x86_64+avx2"))]
fn weigh([first, second]: [&[u8]; 2], [first_weights, second_weights]: [&[i32]; 2], values: &mut [i32]) {
    let levels = first.iter().zip(second).zip(first_weights.iter().zip(second_weights));
    for (value, ((first, second), (first_weight, second_weight))) in values.iter_mut().zip(levels) {
        *value = i32::from(*first) * first_weight + i32::from(*second) * second_weight;
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn blend_rows([upper_weight, lower_weight]: [i32; 2], upper: &[i32], lower: &[i32], out: &mut [u8]) {
    for (out, (upper, lower)) in out.iter_mut().zip(upper.iter().zip(lower)) {
        let upper = (upper_weight * (upper >> 4)) >> 16;
        let lower = (lower_weight * (lower >> 4)) >> 16;
        *out = ((upper + lower + 2) >> 2).clamp(0, 255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use facesets_imaging::Rgb;
    use proptest::prelude::*;

    use super::*;

    /// What bilinear means, in floating point, with neither speed nor OpenCV's rounding in mind.
    fn naive(source: &RgbImage, width: u32, height: u32) -> Vec<f64> {
        let axis = |i: u32, from: u32, to: u32| {
            let at = ((f64::from(i) + 0.5) * f64::from(from) / f64::from(to) - 0.5)
                .clamp(0.0, f64::from(from - 1));
            (at.floor() as u32, (at.floor() as u32 + 1).min(from - 1), at.fract())
        };
        let mut out = Vec::new();
        for y in 0..height {
            let (y0, y1, fy) = axis(y, source.height(), height);
            for x in 0..width {
                let (x0, x1, fx) = axis(x, source.width(), width);
                for c in 0..3 {
                    let at = |x, y| f64::from(source.get_pixel(x, y)[c]);
                    let top = at(x0, y0) * (1.0 - fx) + at(x1, y0) * fx;
                    let bottom = at(x0, y1) * (1.0 - fx) + at(x1, y1) * fx;
                    out.push(top * (1.0 - fy) + bottom * fy);
                }
            }
        }
        out
    }

    fn noise(width: u32, height: u32, seed: u32) -> RgbImage {
        let mut state = seed | 1;
        RgbImage::from_fn(width, height, |_, _| {
            Rgb(std::array::from_fn(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                state as u8
            }))
        })
    }

    proptest! {
        #[test]
        fn it_is_within_one_level_of_exact_bilinear(
            (from_w, from_h, to_w, to_h) in (1u32..60, 1u32..60, 1u32..60, 1u32..60), seed in any::<u32>(),
        ) {
            let source = noise(from_w, from_h, seed);
            let resized = resize_bilinear(&source.clone().into(), to_w, to_h);
            for (got, exact) in resized.as_raw().iter().zip(naive(&source, to_w, to_h)) {
                prop_assert!((f64::from(*got) - exact).abs() <= 1.2, "{got} is not {exact}");
            }
        }

        #[test]
        fn the_same_size_is_the_same_image(width in 1u32..40, height in 1u32..40, seed in any::<u32>()) {
            let source = noise(width, height, seed);
            prop_assert_eq!(resize_bilinear(&source.clone().into(), width, height), source);
        }

        #[test]
        fn halving_is_the_rounded_mean_of_four(width in 1u32..20, height in 1u32..20, seed in any::<u32>()) {
            let source = noise(2 * width, 2 * height, seed);
            let halved = resize_bilinear(&source.clone().into(), width, height);
            for (x, y, pixel) in halved.enumerate_pixels() {
                let sum: u32 = [(0, 0), (1, 0), (0, 1), (1, 1)]
                    .iter().map(|(dx, dy)| u32::from(source.get_pixel(2 * x + dx, 2 * y + dy)[0])).sum();
                prop_assert_eq!(u32::from(pixel[0]), (sum + 2) >> 2);
            }
        }
    }
}
