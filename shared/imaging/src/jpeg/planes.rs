//! JPEG as it is stored, brightness and two planes of colour, made RGB where somebody looks: libjpeg-turbo's
//! own arithmetic, bit for bit.
//!
//! Detection reads a third of a photo's rows, and only faces are read in full, so most pixels are never made
//! RGB.

use std::ops::Range;

use multiversion::multiversion;
use turbojpeg::{Decompressor, Subsamp, YuvImage, yuv_pixels_len};

use super::{
    damaged,
    header::{Header, Scans},
    repair::Stripped,
    whole, with_len,
};
use crate::DecodeError;

/// Every row of a plane begins where the last one ended.
const ALIGN: usize = 1;

/// Narrower photos than this have too few columns of colour for libjpeg-turbo to interpolate (`jdsample.c`:
/// more than two).
const MIN_WIDTH: usize = 5;

/// Rows that are decoded at a time where colour has half as many rows as brightness.
const BLOCK_ROWS: usize = 16;

/// How coarse the planes of colour are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subsampling {
    /// As fine as brightness (4:4:4).
    None,
    /// Half as many columns (4:2:2).
    Columns,
    /// Half as many columns and rows (4:2:0), as cameras write.
    ColumnsAndRows,
}

/// The planes of one photo.
#[derive(Debug)]
pub(crate) struct Planes {
    width: usize,
    height: usize,
    subsampling: Subsampling,
    /// Rows that can be looked at; below them nothing is known.
    rows: usize,
    /// Rows that are there: more than can be looked at, since those at the end want neighbours.
    stored: usize,
    /// Brightness (Y), then Cb, then Cr, row after row.
    bytes: Vec<u8>,
}

/// Working memory of [`Planes::colour`], to be used again for the next row.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    sums: Vec<u16>,
    cb: Vec<u8>,
    cr: Vec<u8>,
}

impl Subsampling {
    /// That of a JPEG in YCbCr; `None` for what is rare enough to be left to libjpeg-turbo as a whole.
    pub(super) fn of(header: &Header) -> Option<Self> {
        match header.sampling[..] {
            _ if (header.width as usize) < MIN_WIDTH => None,
            [0x11, 0x11, 0x11] => Some(Self::None),
            [0x21, 0x11, 0x11] => Some(Self::Columns),
            [0x22, 0x11, 0x11] => Some(Self::ColumnsAndRows),
            _ => None,
        }
    }

    fn name(self) -> Subsamp {
        match self {
            Self::None => Subsamp::None,
            Self::Columns => Subsamp::Sub2x1,
            Self::ColumnsAndRows => Subsamp::Sub2x2,
        }
    }
}

impl Planes {
    /// Decodes a JPEG with this header and subsampling, in `memory` if that is large enough; at least its
    /// first `rows` rows.
    pub(super) fn decode(
        decoder: &mut Decompressor,
        bytes: &[u8],
        (header, subsampling): (&Header, Subsampling),
        rows: u32,
        memory: Vec<u8>,
    ) -> Result<Self, DecodeError> {
        let (width, height) = (header.width as usize, header.height as usize);
        let wanted = rows_to_decode(header, rows);
        let shorter = if wanted < height { Stripped::of(bytes, header) } else { None };
        let stored = if shorter.is_some() { wanted } else { height };
        let rows = if stored < height { rows as usize } else { height };
        let subsamp = subsampling.name();
        let mut planes = with_len(memory, yuv_pixels_len(width, ALIGN, stored, subsamp).map_err(damaged)?);
        let attempt = |bytes: &[u8]| {
            let output = YuvImage { pixels: &mut planes[..], width, align: ALIGN, height: stored, subsamp };
            decoder.decompress_to_yuv(bytes, output)
        };
        match shorter {
            Some(mut shorter) => {
                let header = Header { height: stored as u32, ..header.clone() };
                whole::cut(&mut shorter, &header);
                whole::decode_stripped(shorter, &header, attempt)?;
            }
            None => whole::decode(bytes, Some(header), attempt)?,
        }
        Ok(Self { width, height, subsampling, rows, stored, bytes: planes })
    }

    pub(crate) fn dimensions(&self) -> (u32, u32) {
        (self.width as u32, self.height as u32)
    }

    /// How the planes lie, as [`facesets_core::PixelDigest`] counts layouts.
    pub(crate) fn layout(&self) -> u8 {
        match self.subsampling {
            Subsampling::None => 1,
            Subsampling::Columns => 2,
            Subsampling::ColumnsAndRows => 3,
        }
    }

    /// Whether all rows can be looked at.
    pub(crate) fn is_whole(&self) -> bool {
        self.rows == self.height
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Some pixels of row `y` as RGB, three bytes each.
    ///
    /// # Panics
    /// If that is not among the rows that were decoded.
    pub(crate) fn colour(&self, y: usize, columns: Range<usize>, scratch: &mut Scratch, rgb: &mut [u8]) {
        assert!(
            y < self.rows,
            "row {y} was not asked for when the photo was decoded: only {} were",
            self.rows
        );
        let brightness = &self.bytes[y * self.size_of_brightness().0..][columns.clone()];
        let Scratch { sums, cb, cr } = scratch;
        fetch(brightness);
        let first = self.interpolate(0, y, &columns, sums, cb);
        self.interpolate(1, y, &columns, sums, cr);
        to_rgb(brightness, &cb[columns.start - first..], &cr[columns.start - first..], rgb);
    }

    /// Levels of the plane of colour 0 or 1 in row `y`, as fine as brightness, for at least the columns asked
    /// for; gives the column of the first one.
    fn interpolate(
        &self,
        colour: usize,
        y: usize,
        columns: &Range<usize>,
        sums: &mut Vec<u16>,
        levels: &mut Vec<u8>,
    ) -> usize {
        let (wide, high) = self.size_of_brightness();
        let (width, height) = self.size_of_colour();
        let plane = &self.bytes[wide * high + colour * width * height..][..width * height];
        let row = |y: usize| &plane[y * width..][..width];
        if self.subsampling == Subsampling::None {
            levels.clear();
            levels.extend_from_slice(&row(y)[columns.clone()]);
            return columns.start;
        }
        // One more at each end where there is one, else the outermost again.
        let needed = columns.start / 2..columns.end.div_ceil(2);
        let there = needed.start.saturating_sub(1)..(needed.end + 1).min(width);
        sums.resize(needed.len() + 2, 0);
        levels.resize(2 * needed.len(), 0);
        let offset = usize::from(needed.start == 0);
        let middle = &mut sums[offset..offset + there.len()];
        let biases = if self.subsampling == Subsampling::Columns {
            widen(&row(y)[there.clone()], middle);
            [1, 2]
        } else {
            let near = y / 2;
            let far = if y.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(height - 1) };
            blend_rows(&row(near)[there.clone()], &row(far)[there.clone()], middle);
            [8, 7]
        };
        if offset == 1 {
            sums[0] = sums[1];
        }
        if needed.end == width {
            sums[needed.len() + 1] = sums[needed.len()];
        }
        if self.subsampling == Subsampling::Columns {
            blend_columns::<2>(sums, biases, levels);
        } else {
            blend_columns::<4>(sums, biases, levels);
        }
        2 * needed.start
    }

    /// As large as what is stored of the photo, and a column or row more where a level of colour would else
    /// be for one that is not there.
    fn size_of_brightness(&self) -> (usize, usize) {
        let even = |side: usize| side.next_multiple_of(2);
        match self.subsampling {
            Subsampling::None => (self.width, self.stored),
            Subsampling::Columns => (even(self.width), self.stored),
            Subsampling::ColumnsAndRows => (even(self.width), even(self.stored)),
        }
    }

    fn size_of_colour(&self) -> (usize, usize) {
        match self.subsampling {
            Subsampling::None => (self.width, self.stored),
            Subsampling::Columns => (self.width.div_ceil(2), self.stored),
            Subsampling::ColumnsAndRows => (self.width.div_ceil(2), self.stored.div_ceil(2)),
        }
    }
}

/// How many rows of a photo are decoded if the first `rows` are looked at: whole blocks, and for the last row
/// the one of colour below it. All of a photo in several scans, whose missing levels may be guessed from
/// farther blocks.
fn rows_to_decode(header: &Header, rows: u32) -> usize {
    let height = header.height as usize;
    if header.scans != Scans::One {
        return height;
    }
    // Two: the rows that share the row of colour below the last one's.
    ((rows as usize).min(height) + 2).next_multiple_of(BLOCK_ROWS).min(height)
}

/// Reads a byte of every cache line, so that many of them are on their way from memory at once: of the planes
/// of a large photo nothing is in a cache any more.
fn fetch(row: &[u8]) {
    std::hint::black_box(row.iter().step_by(64).fold(0, |any, byte| any | byte));
}

fn widen(row: &[u8], sums: &mut [u16]) {
    for (sum, level) in sums.iter_mut().zip(row) {
        *sum = u16::from(*level);
    }
}

/// Three quarters of the nearer row and a quarter of the other, times 4.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn blend_rows(near: &[u8], far: &[u8], sums: &mut [u16]) {
    for (sum, (near, far)) in sums.iter_mut().zip(near.iter().zip(far)) {
        *sum = 3 * u16::from(*near) + u16::from(*far);
    }
}

/// Three quarters of the nearer column and a quarter of the other, two levels for each sum but the first and
/// the last; then `SHIFT` bits are dropped, with a bias that alternates so that halves are not always rounded
/// up.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn blend_columns<const SHIFT: u32>(sums: &[u16], biases: [u16; 2], levels: &mut [u8]) {
    let count = levels.len() / 2;
    let (before, this, after) = (&sums[..count], &sums[1..=count], &sums[2..count + 2]);
    let pairs = levels.as_chunks_mut::<2>().0.iter_mut();
    for (pair, (this, (before, after))) in pairs.zip(this.iter().zip(before.iter().zip(after))) {
        let level = |other: u16, bias| ((3 * this + other + bias) >> SHIFT) as u8;
        *pair = [level(*before, biases[0]), level(*after, biases[1])];
    }
}

/// JFIF's conversion (ITU-T T.871, clause 7) in libjpeg-turbo's fixed point of 16 bits, computed as its SIMD
/// code does, so that every product fits 16 bits: R = Y + 1.402 Cr, G = Y − 0.34414 Cb − 0.71414 Cr, B = Y +
/// 1.772 Cb, with Cb and Cr about 0.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn to_rgb(brightness: &[u8], cb: &[u8], cr: &[u8], rgb: &mut [u8]) {
    let pixels = rgb.as_chunks_mut::<3>().0.iter_mut();
    for (pixel, (y, (cb, cr))) in pixels.zip(brightness.iter().zip(cb.iter().zip(cr))) {
        let (y, cb, cr) = (i16::from(*y), i16::from(*cb) - 128, i16::from(*cr) - 128);
        let r = y + cr + halved(high_half(2 * cr, fixed(0.402)));
        let g = y - cr
            + ((i32::from(cb) * -fixed(0.34414) + i32::from(cr) * fixed(1.0 - 0.71414) + (1 << 15)) >> 16)
                as i16;
        let b = y + 2 * cb + halved(high_half(2 * cb, -fixed(2.0 - 1.772)));
        // One by one: as an array of three they would not be computed for many pixels at once.
        *pixel = [r.clamp(0, 255) as u8, g.clamp(0, 255) as u8, b.clamp(0, 255) as u8];
    }
}

/// A factor as a multiple of 2⁻¹⁶.
const fn fixed(factor: f64) -> i32 {
    (factor * 65536.0 + 0.5) as i32
}

#[inline]
fn high_half(a: i16, b: i32) -> i16 {
    ((i32::from(a) * b) >> 16) as i16
}

#[inline]
fn halved(a: i16) -> i16 {
    (a + 1) >> 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_is_converted_as_libjpeg_does() {
        // The tables of libjpeg's jdcolor.c: a rounding of 16 bits' fixed point for each channel.
        let exact = |y: i32, cb: i32, cr: i32| {
            let half = 1 << 15;
            let r = y + ((91_881 * cr + half) >> 16);
            let g = y + ((-22_554 * cb - 46_802 * cr + half) >> 16);
            let b = y + ((116_130 * cb + half) >> 16);
            [r, g, b].map(|level| level.clamp(0, 255) as u8)
        };
        let brightness: Vec<u8> = (0..=255).collect();
        let mut rgb = vec![0; 3 * 256];
        for cb in 0..=255u8 {
            for cr in 0..=255u8 {
                to_rgb(&brightness, &[cb; 256], &[cr; 256], &mut rgb);
                for (y, pixel) in rgb.as_chunks::<3>().0.iter().enumerate() {
                    assert_eq!(*pixel, exact(y as i32, i32::from(cb) - 128, i32::from(cr) - 128));
                }
            }
        }
    }
}
