//! Decoded luma and chroma planes to 8-bit RGB, in integers.
//!
//! Which integers is a choice with consequences (a detector sees them), so each codec gets the arithmetic of
//! the library that everyone uses for it: HEIC that of libheif (bit for bit at full range), AVIF that of
//! libavif with libyuv, which OpenCV and Pillow call (within two levels, a quarter of a level on average).

use image::RgbImage;

/// Bits behind the point in the coefficients: what libheif uses.
const FRACTION: u32 = 8;

/// How samples are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour {
    /// `matrix_coefficients` of ITU-T H.273.
    pub(super) matrix: u16,
    /// Samples use the full range of their depth, not 16 to 235 (240).
    pub(super) full_range: bool,
}

/// Whose pixels to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Chroma of half the resolution is repeated.
    Libheif,
    /// Chroma of half the resolution is interpolated (9:3:3:1), its samples lying between the pixels.
    #[cfg_attr(not(feature = "avif"), expect(dead_code, reason = "AV1 only"))]
    Libavif,
}

/// A decoded picture.
pub(super) struct Planes {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Luma samples, row by row.
    pub(super) y: Vec<u16>,
    /// `None` for grey pictures.
    pub(super) chroma: Option<Chroma>,
    /// Bits of luma and chroma samples, 8 to 16.
    pub(super) depths: [u8; 2],
    pub(super) colour: Colour,
    pub(super) manner: Manner,
}

/// The two chroma planes, of one size, each row by row.
pub(super) struct Chroma {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) u: Vec<u16>,
    pub(super) v: Vec<u16>,
}

impl Planes {
    /// Grey planes of another size but the same kind, to paste tiles into.
    pub(super) fn blank(&self, width: usize, height: usize) -> Self {
        let scaled =
            |whole: usize, part: usize, full: usize| if part < full { whole.div_ceil(2) } else { whole };
        Self {
            width,
            height,
            y: vec![0; width * height],
            chroma: self.chroma.as_ref().map(|tile| {
                let width = scaled(width, tile.width, self.width);
                let height = scaled(height, tile.height, self.height);
                Chroma { width, height, u: vec![0; width * height], v: vec![0; width * height] }
            }),
            ..*self
        }
    }

    /// Pastes a tile of announced size `tile_size` as tile (`column`, `row`); what juts out is left out.
    pub(super) fn paste(
        &mut self,
        tile: &Self,
        (tile_width, tile_height): (usize, usize),
        (column, row): (usize, usize),
    ) -> Result<(), &'static str> {
        if tile.depths != self.depths || tile.colour != self.colour {
            return Err("tiles of different kinds");
        }
        if tile.width < tile_width || tile.height < tile_height {
            return Err("a tile is smaller than announced");
        }
        let place = |x, y| Place { x: column * x, y: row * y, width: x, height: y };
        copy(&tile.y, tile.width, &mut self.y, self.width, &place(tile_width, tile_height));
        let (of_tile, whole) = match (&tile.chroma, &mut self.chroma) {
            (Some(of_tile), Some(whole)) => (of_tile, whole),
            (None, None) => return Ok(()),
            _ => return Err("tiles of different kinds"),
        };
        let halved = |tile: usize, of_tile: usize, whole: usize, of_whole: usize| match (
            of_tile < tile,
            of_whole < whole,
        ) {
            (false, false) => Some(1),
            (true, true) => Some(2),
            _ => None,
        };
        let across =
            halved(tile.width, of_tile.width, self.width, whole.width).ok_or("tiles of different kinds")?;
        let down = halved(tile.height, of_tile.height, self.height, whole.height)
            .ok_or("tiles of different kinds")?;
        if !tile_width.is_multiple_of(across) || !tile_height.is_multiple_of(down) {
            return Err("tiles whose chroma does not line up");
        }
        let place = place(tile_width / across, tile_height / down);
        copy(&of_tile.u, of_tile.width, &mut whole.u, whole.width, &place);
        copy(&of_tile.v, of_tile.width, &mut whole.v, whole.width, &place);
        Ok(())
    }

    /// The top left `width` × `height` pixels, which must be there. `colour` overrides what the stream itself
    /// says.
    pub(super) fn to_rgb(&self, width: u32, height: u32, colour: Option<Colour>) -> Result<RgbImage, String> {
        let colour = colour.unwrap_or(self.colour);
        let matrix = Matrix::new(colour).ok_or_else(|| format!("colour matrix `{}`", colour.matrix))?;
        let mut rgb = RgbImage::new(width, height);
        let columns = width as usize;
        let [luma_shift, chroma_shift] = self.depths.map(|bits| bits.saturating_sub(8));
        let neutral = vec![128; columns];
        let (mut u_row, mut v_row) = (neutral.clone(), neutral);
        for (row, out) in rgb.chunks_exact_mut(columns * 3).enumerate() {
            if let Some(chroma) = &self.chroma {
                self.chroma_row(chroma, &chroma.u, row, chroma_shift, &mut u_row);
                self.chroma_row(chroma, &chroma.v, row, chroma_shift, &mut v_row);
            }
            let luma = &self.y[row * self.width..][..columns];
            let chroma = u_row.iter().zip(&v_row);
            for ((pixel, y), (u, v)) in out.as_chunks_mut::<3>().0.iter_mut().zip(luma).zip(chroma) {
                let y = matrix.luma(i32::from(y >> luma_shift));
                *pixel = if self.chroma.is_some() { matrix.rgb(y, *u, *v) } else { [level(y); 3] };
            }
        }
        Ok(rgb)
    }

    /// One row of a chroma plane at full resolution and 8 bits.
    fn chroma_row(&self, chroma: &Chroma, plane: &[u16], row: usize, shift: u8, out: &mut [i32]) {
        let line = |y: usize| &plane[y.min(chroma.height - 1) * chroma.width..][..chroma.width];
        let (half_wide, half_high) = (chroma.width < self.width, chroma.height < self.height);
        let near = line(if half_high { row / 2 } else { row });
        // The second nearest row or column: above or left of even pixels, below or right of odd ones; itself
        // at the edge.
        let second = |at: usize| if at.is_multiple_of(2) { (at / 2).saturating_sub(1) } else { at / 2 + 1 };
        let far = if half_high { line(second(row)) } else { near };
        let last = chroma.width - 1;
        for (column, out) in out.iter_mut().enumerate() {
            let x = if half_wide { (column / 2).min(last) } else { column };
            *out = if self.manner == Manner::Libheif || !half_wide {
                i32::from(near[x] >> shift)
            } else {
                let x2 = second(column).min(last);
                let [a, b, c, d] =
                    [near[x], near[x2], far[x], far[x2]].map(|sample| i32::from(sample >> shift));
                (9 * a + 3 * b + 3 * c + d + 8) >> 4
            };
        }
    }
}

/// Where a part of a tile's plane goes.
struct Place {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

fn copy(from: &[u16], from_width: usize, to: &mut [u16], to_width: usize, place: &Place) {
    let width = place.width.min(to_width.saturating_sub(place.x));
    let rows = to.chunks_exact_mut(to_width).skip(place.y);
    for (to, from) in rows.zip(from.chunks_exact(from_width)).take(place.height) {
        to[place.x..][..width].copy_from_slice(&from[..width]);
    }
}

/// Coefficients with [`FRACTION`] bits behind the point.
struct Matrix {
    identity: bool,
    luma_offset: i32,
    luma: i32,
    red_v: i32,
    green_u: i32,
    green_v: i32,
    blue_u: i32,
}

impl Matrix {
    /// `None` for matrices that no camera writes (`YCgCo`, `ICtCp` and the like).
    fn new(colour: Colour) -> Option<Self> {
        // Kr and Kb of ITU-T H.273, table 4. Unspecified means BT.601, as JPEG has it.
        let (kr, kb) = match colour.matrix {
            0 | 2 | 5 | 6 => (0.299, 0.114),
            1 => (0.2126, 0.0722),
            4 => (0.30, 0.11),
            7 => (0.212, 0.087),
            9 => (0.2627, 0.0593),
            _ => return None,
        };
        let kg = 1.0 - kr - kb;
        let fixed = |value: f64| (value * f64::from(1 << FRACTION)).round() as i32;
        let (luma_offset, luma, chroma) =
            if colour.full_range { (0, 1.0, 1.0) } else { (16, 255.0 / 219.0, 255.0 / 224.0) };
        Some(Self {
            identity: colour.matrix == 0,
            luma_offset,
            luma: fixed(luma),
            red_v: fixed(2.0 * (1.0 - kr) * chroma),
            green_u: fixed(-2.0 * (1.0 - kb) * kb / kg * chroma),
            green_v: fixed(-2.0 * (1.0 - kr) * kr / kg * chroma),
            blue_u: fixed(2.0 * (1.0 - kb) * chroma),
        })
    }

    /// An 8-bit luma sample, with the fraction.
    fn luma(&self, sample: i32) -> i32 {
        self.luma * (sample - self.luma_offset)
    }

    /// Luma with the fraction, chroma of 8 bits.
    fn rgb(&self, y: i32, u: i32, v: i32) -> [u8; 3] {
        if self.identity {
            return [level(self.luma(v)), level(y), level(self.luma(u))];
        }
        let (u, v) = (u - 128, v - 128);
        [
            level(y + self.red_v * v),
            level(y + self.green_u * u + self.green_v * v),
            level(y + self.blue_u * u),
        ]
    }
}

/// Rounds away the fraction.
fn level(fixed: i32) -> u8 {
    ((fixed + (1 << (FRACTION - 1))) >> FRACTION).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_pixel(colour: Colour, y: u16, u: u16, v: u16) -> [u8; 3] {
        let planes = Planes {
            width: 1,
            height: 1,
            y: vec![y],
            chroma: Some(Chroma { width: 1, height: 1, u: vec![u], v: vec![v] }),
            depths: [8, 8],
            colour,
            manner: Manner::Libheif,
        };
        planes.to_rgb(1, 1, None).unwrap().get_pixel(0, 0).0
    }

    #[test]
    fn black_white_and_red_come_out_in_both_ranges() {
        let full = Colour { matrix: 6, full_range: true };
        assert_eq!(one_pixel(full, 0, 128, 128), [0; 3]);
        assert_eq!(one_pixel(full, 255, 128, 128), [255; 3]);
        assert_eq!(one_pixel(full, 76, 85, 255), [254, 0, 0]);
        let limited = Colour { matrix: 1, full_range: false };
        assert_eq!(one_pixel(limited, 16, 128, 128), [0; 3]);
        assert_eq!(one_pixel(limited, 235, 128, 128), [255; 3]);
    }

    #[test]
    fn the_identity_matrix_stores_green_blue_red() {
        assert_eq!(one_pixel(Colour { matrix: 0, full_range: true }, 10, 20, 30), [30, 10, 20]);
    }

    #[test]
    fn a_matrix_that_is_not_known_is_refused_by_number() {
        assert!(Matrix::new(Colour { matrix: 8, full_range: true }).is_none());
    }
}
