//! Rows of pixels to differences from what their neighbours predict. Source: PNG specification (third edition), clause 9.
//!
//! Of the five filters two are tried for every row, the mean of the neighbours and Paeth's choice among them: with the others too, crops are
//! 0.1 % smaller.

use multiversion::multiversion;

/// Bytes of a pixel.
const PIXEL: usize = 3;

/// The number of a filter in the file.
const AVERAGE: u8 = 3;
const PAETH: u8 = 4;

/// A picture of this width, three bytes a pixel, as rows of differences, each behind the number of its filter.
pub(super) fn filtered(rgb: &[u8], width: usize) -> Vec<u8> {
    let len = PIXEL * width;
    let mut rows = Vec::with_capacity(rgb.len() + rgb.len() / len.max(1));
    let [mut by_average, mut by_paeth] = [vec![0; len], vec![0; len]];
    let above_first = vec![0; len];
    let mut above = &above_first[..];
    for row in rgb.chunks_exact(len) {
        average(row, above, &mut by_average);
        paeth(row, above, &mut by_paeth);
        let (number, differences) = if magnitude(&by_average) < magnitude(&by_paeth) {
            (AVERAGE, &by_average)
        } else {
            (PAETH, &by_paeth)
        };
        rows.push(number);
        rows.extend_from_slice(differences);
        above = row;
    }
    rows
}

/// How far differences are from zero, in sum: what takes few bits.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn magnitude(differences: &[u8]) -> u32 {
    differences.iter().map(|difference| u32::from(difference.cast_signed().unsigned_abs())).sum()
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn average(row: &[u8], above: &[u8], differences: &mut [u8]) {
    let (first, rest) = differences.split_at_mut(PIXEL);
    for ((difference, level), above) in first.iter_mut().zip(row).zip(above) {
        *difference = level.wrapping_sub(above / 2);
    }
    let neighbours = row.iter().zip(&above[PIXEL..]);
    for ((difference, level), (left, above)) in rest.iter_mut().zip(&row[PIXEL..]).zip(neighbours) {
        *difference = level.wrapping_sub(left.midpoint(*above));
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn paeth(row: &[u8], above: &[u8], differences: &mut [u8]) {
    let (first, rest) = differences.split_at_mut(PIXEL);
    for ((difference, level), above) in first.iter_mut().zip(row).zip(above) {
        *difference = level.wrapping_sub(*above);
    }
    let neighbours = row.iter().zip(above[PIXEL..].iter().zip(above));
    for ((difference, level), (left, (above, corner))) in rest.iter_mut().zip(&row[PIXEL..]).zip(neighbours) {
        let (left, above, corner) = (i16::from(*left), i16::from(*above), i16::from(*corner));
        // Distances of the neighbours to left + above − corner.
        let (to_left, to_above) = (above - corner, left - corner);
        let to_corner = (to_left + to_above).abs();
        let (to_left, to_above) = (to_left.abs(), to_above.abs());
        let nearest = if to_left <= to_above && to_left <= to_corner {
            left
        } else if to_above <= to_corner {
            above
        } else {
            corner
        };
        *difference = level.wrapping_sub(nearest as u8);
    }
}
