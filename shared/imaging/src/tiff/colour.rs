//! Rows of samples to 8-bit RGB, with Pillow's pixels.

use super::layout::{Colours, Layout, Predictor};

/// Takes the differences back that were made before a row was packed. `stride`: samples of a pixel in this
/// row.
pub(super) fn undo_prediction(layout: &Layout<'_>, row: &mut [u8], stride: usize, scratch: &mut Vec<u8>) {
    match layout.predictor {
        Predictor::None => {}
        Predictor::Horizontal => match (layout.bits, layout.little_endian) {
            (16, true) => add::<2>(row, stride, |a, b| {
                u16::from_le_bytes(a).wrapping_add(u16::from_le_bytes(b)).to_le_bytes()
            }),
            (16, false) => add::<2>(row, stride, |a, b| {
                u16::from_be_bytes(a).wrapping_add(u16::from_be_bytes(b)).to_be_bytes()
            }),
            (32, true) => add::<4>(row, stride, |a, b| {
                u32::from_le_bytes(a).wrapping_add(u32::from_le_bytes(b)).to_le_bytes()
            }),
            (32, false) => add::<4>(row, stride, |a, b| {
                u32::from_be_bytes(a).wrapping_add(u32::from_be_bytes(b)).to_be_bytes()
            }),
            _ => add::<1>(row, stride, |[a], [b]| [a.wrapping_add(b)]),
        },
        Predictor::Float => {
            add::<1>(row, stride, |[a], [b]| [a.wrapping_add(b)]);
            scratch.clear();
            scratch.extend_from_slice(row);
            let quarter = scratch.len() / 4;
            for (index, number) in row.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                let byte = |place: usize| scratch[place * quarter + index];
                *number = [byte(0), byte(1), byte(2), byte(3)];
                if layout.little_endian {
                    number.reverse();
                }
            }
        }
    }
}

/// Adds to each number the one that is a pixel to its left.
fn add<const N: usize>(row: &mut [u8], stride: usize, sum: impl Fn([u8; N], [u8; N]) -> [u8; N]) {
    let numbers = row.as_chunks_mut::<N>().0;
    for index in stride..numbers.len() {
        numbers[index] = sum(numbers[index], numbers[index - stride]);
    }
}

/// Samples as numbers: as many as fit `samples`, as they are stored, but floating-point numbers as levels of
/// 8 bits.
pub(super) fn unpack(layout: &Layout<'_>, row: &[u8], samples: &mut [u16]) {
    match layout.bits {
        8 => samples.iter_mut().zip(row).for_each(|(sample, byte)| *sample = u16::from(*byte)),
        16 => samples.iter_mut().zip(row.as_chunks::<2>().0).for_each(|(sample, bytes)| {
            *sample =
                if layout.little_endian { u16::from_le_bytes(*bytes) } else { u16::from_be_bytes(*bytes) };
        }),
        32 => samples.iter_mut().zip(row.as_chunks::<4>().0).for_each(|(sample, bytes)| {
            let level =
                if layout.little_endian { f32::from_le_bytes(*bytes) } else { f32::from_be_bytes(*bytes) };
            // What is no number becomes 0.
            *sample = u16::from((level.clamp(0.0, 1.0) * 255.0).round() as u8);
        }),
        bits => {
            let each = usize::from(8 / bits);
            let mask = (1u8 << bits) - 1;
            for (index, sample) in samples.iter_mut().enumerate() {
                let shift = 8 - bits * (index % each + 1) as u8;
                *sample = u16::from(row[index / each] >> shift & mask);
            }
        }
    }
}

/// The pixels of a row, `layout.samples` samples each, as RGB.
pub(super) fn to_rgb(layout: &Layout<'_>, samples: &[u16], rgb: &mut [u8]) {
    let pixels = samples.chunks_exact(layout.samples).zip(rgb.as_chunks_mut::<3>().0);
    let level = level_of(layout);
    match layout.colours {
        Colours::BlackIsZero => pixels.for_each(|(pixel, rgb)| *rgb = [level(pixel[0]); 3]),
        Colours::WhiteIsZero => pixels.for_each(|(pixel, rgb)| *rgb = [255 - level(pixel[0]); 3]),
        Colours::Palette => pixels.for_each(|(pixel, rgb)| *rgb = layout.map[usize::from(pixel[0])]),
        Colours::Rgb => pixels.for_each(|(pixel, rgb)| *rgb = [0, 1, 2].map(|i| level(pixel[i]))),
        Colours::Cmyk => pixels.for_each(|(pixel, rgb)| {
            let white = 255 - level(pixel[3]);
            *rgb = [0, 1, 2].map(|ink| white - share(level(pixel[ink]), white));
        }),
        Colours::YCbCr => {
            pixels.for_each(|(pixel, rgb)| *rgb = from_ycbcr([0, 1, 2].map(|i| pixel[i] as u8)));
        }
        Colours::CieLab | Colours::IccLab => {
            let steps = f32::from(if layout.bits == 16 { u16::MAX } else { 255 });
            let colour = |value: u16| match (layout.colours, layout.bits) {
                (Colours::CieLab, 16) => f32::from(value as i16) / 256.0,
                (Colours::CieLab, _) => f32::from(value as u8 as i8),
                (_, 16) => f32::from(value) / 256.0 - 128.0,
                _ => f32::from(value) - 128.0,
            };
            pixels.for_each(|(pixel, rgb)| {
                let lightness = f32::from(pixel[0]) * 100.0 / steps;
                *rgb = from_lab([lightness, colour(pixel[1]), colour(pixel[2])]);
            });
        }
    }
}

/// What makes 8 bits of a sample.
fn level_of(layout: &Layout<'_>) -> fn(u16) -> u8 {
    match layout.bits {
        1 => |value| value as u8 * 255,
        2 => |value| value as u8 * 85,
        4 => |value| value as u8 * 17,
        16 => |value| ((u32::from(value) + 128) / 257) as u8,
        _ => |value| value as u8,
    }
}

/// `a` · `b` / 255, rounded.
fn share(a: u8, b: u8) -> u8 {
    ((u32::from(a) * u32::from(b) + 127) / 255) as u8
}

/// ITU-R BT.601 at full range, which is what TIFF means unless it says otherwise.
fn from_ycbcr([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    let rgb = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb];
    // Levels beyond the range end at its ends.
    rgb.map(|level| (level + 0.5) as u8)
}

/// CIE L*a*b* under D50 to sRGB, by way of XYZ adapted to D65 (Bradford). Source: CIE 15, IEC 61966-2-1.
fn from_lab([lightness, a, b]: [f32; 3]) -> [u8; 3] {
    let fy = (lightness + 16.0) / 116.0;
    let stretched = |f: f32| {
        const DELTA: f32 = 6.0 / 29.0;
        if f > DELTA { f * f * f } else { 3.0 * DELTA * DELTA * (f - 4.0 / 29.0) }
    };
    let [x, y, z] = [0.9642 * stretched(fy + a / 500.0), stretched(fy), 0.8249 * stretched(fy - b / 200.0)];
    let linear = [
        3.134_136 * x - 1.617_386 * y - 0.490_663 * z,
        -0.978_795 * x + 1.916_254 * y + 0.033_443 * z,
        0.071_955 * x - 0.228_977 * y + 1.405_386 * z,
    ];
    linear.map(|level| {
        let level = level.clamp(0.0, 1.0);
        let curved = if level <= 0.003_130_8 { 12.92 * level } else { 1.055 * level.powf(1.0 / 2.4) - 0.055 };
        (curved * 255.0 + 0.5) as u8
    })
}
