//! Vectors in 8 bits, with what is needed to bound the true scalar product from above.
//!
//! A vector a is stored as a = s·q + e, q whole numbers and |e| known. Then for two of them (b's side the
//! columns)
//!
//! ```text
//! a·b = s_a·s_b·(q_a·q_b) + (s_a·q_a)·e_b + e_a·b ≤ s_a·s_b·(q_a·q_b) + |s_a·q_a|·|e_b| + |e_a|·|b|
//! ```
//!
//! where only `q_a·q_b` depends on both. The bound is loose by about 0.015 at 127 levels and 512 values, and
//! never wrong.

use multiversion::multiversion;

use super::points::MAX_LENGTH;

/// Columns of a [`Strip`].
pub(super) const STRIP: usize = 32;

/// Columns whose values lie together in a strip: four bytes each fill a 512-bit register.
pub(super) const PANEL: usize = 16;

/// Levels of the columns: q is in −127..=127.
const COLUMN_LEVELS: f32 = 127.0;

/// Added to every |e|: far above what the f32 arithmetic of the bound rounds away (below 4e-7 a bound), far
/// below |e| itself.
const SLACK: f32 = 2e-6;

/// 32 columns.
pub(super) struct Strip {
    /// Panel, group of 4 values, column, value: 2 × groups × 16 × 4 bytes.
    pub(super) values: Box<[i8]>,
    pub(super) scale: [f32; STRIP],
    /// |e|; −∞ for a column without a vector, whose bound is then −∞ too.
    pub(super) error: [f32; STRIP],
    /// Sum of q.
    pub(super) sum: [i32; STRIP],
}

/// Up to 192 rows, to be compared with strips.
pub(super) struct RowBlock {
    /// Tile, group of 4 values, row within the tile, value; q + `offset` as unsigned bytes.
    pub(super) values: Vec<u8>,
    pub(super) scale: Vec<f32>,
    /// |e| · |b| at most.
    pub(super) error: Vec<f32>,
    /// |s·q| at most.
    pub(super) reach: Vec<f32>,
    /// Least bound that each row is interested in.
    pub(super) floor: Vec<f32>,
    pub(super) shape: RowShape,
}

/// How a kernel wants its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowShape {
    /// Rows of a tile.
    pub(super) tile: usize,
    /// q is in −levels..=levels.
    pub(super) levels: u8,
    /// Added to q, so that it is not negative.
    pub(super) offset: u8,
}

struct Quantised {
    scale: f32,
    error: f32,
    length: f32,
    sum: i32,
}

/// Groups of 4 values; an even number of them, filled up with zeros.
pub(super) fn groups(dims: usize) -> usize {
    dims.div_ceil(8) * 2
}

impl Strip {
    /// A strip without any vector.
    pub(super) fn empty(dims: usize) -> Self {
        Self {
            values: vec![0; groups(dims) * 4 * STRIP].into_boxed_slice(),
            scale: [0.0; STRIP],
            error: [f32::NEG_INFINITY; STRIP],
            sum: [0; STRIP],
        }
    }

    /// Puts a vector into a column. `quanta` is room to work in.
    pub(super) fn set(&mut self, column: usize, vector: &[f32], quanta: &mut Vec<i8>) {
        let quantised = quantise(vector, COLUMN_LEVELS, quanta);
        let panel_len = self.values.len() / (STRIP / PANEL);
        let begin = column / PANEL * panel_len + column % PANEL * 4;
        for (group, four) in quanta.as_chunks::<4>().0.iter().enumerate() {
            let at = begin + group * PANEL * 4;
            self.values[at..at + 4].copy_from_slice(four);
        }
        self.scale[column] = quantised.scale;
        self.error[column] = quantised.error;
        self.sum[column] = quantised.sum;
    }

    /// Takes the vector out of a column.
    pub(super) fn clear(&mut self, column: usize) {
        self.scale[column] = 0.0;
        self.error[column] = f32::NEG_INFINITY;
    }
}

impl RowBlock {
    /// Packs rows; `fill` writes the vector of each into the room it is given (d values).
    pub(super) fn pack(
        shape: RowShape,
        rows: usize,
        dims: usize,
        mut fill: impl FnMut(usize, &mut [f32]),
    ) -> Self {
        let padded = rows.next_multiple_of(shape.tile);
        let stride = groups(dims) * 4;
        let mut block = Self {
            values: vec![shape.offset; padded * stride],
            scale: vec![0.0; padded],
            error: vec![0.0; padded],
            reach: vec![0.0; padded],
            floor: vec![f32::INFINITY; padded],

            shape,
        };
        let (mut vector, mut quanta) = (vec![0.0; dims], Vec::new());
        for row in 0..rows {
            fill(row, &mut vector);
            let quantised = quantise(&vector, f32::from(shape.levels), &mut quanta);
            let begin = row / shape.tile * shape.tile * stride + row % shape.tile * 4;
            for (group, four) in quanta.as_chunks::<4>().0.iter().enumerate() {
                let at = begin + group * shape.tile * 4;
                block.values[at..at + 4].copy_from_slice(&four.map(|q| shape.offset.wrapping_add_signed(q)));
            }
            block.scale[row] = quantised.scale;
            block.error[row] = quantised.error * MAX_LENGTH;
            block.reach[row] = quantised.length + quantised.error;
        }
        block
    }
}

/// Writes q of `vector` to `quanta`, padded with zeros to a whole number of groups.
#[multiversion(targets("x86_64+avx2"))]
fn quantise(vector: &[f32], levels: f32, quanta: &mut Vec<i8>) -> Quantised {
    // Adding and taking away 1.5 · 2²³ rounds to the nearest whole number, ties to even, in plain vector
    // instructions.
    const ROUND: f32 = 12_582_912.0;
    let largest = vector.iter().fold(0.0f32, |max, v| max.max(v.abs())).max(f32::MIN_POSITIVE * 1e6);
    let scale = largest / levels;
    let inverse = levels / largest;
    quanta.clear();
    quanta.resize(groups(vector.len()) * 4, 0);
    let (mut squares, mut residual, mut sum) = ([0.0f64; 8], [0.0f64; 8], 0i32);
    for (eight, out) in vector.chunks(8).zip(quanta.chunks_mut(8)) {
        for (lane, (value, q)) in eight.iter().zip(out).enumerate() {
            let whole = (value * inverse + ROUND) - ROUND;
            let rest = f64::from(*value) - f64::from(whole) * f64::from(scale);
            squares[lane] += f64::from(*value) * f64::from(*value);
            residual[lane] += rest * rest;
            *q = whole as i8;
            sum += i32::from(*q);
        }
    }
    let error = residual.iter().sum::<f64>().sqrt() as f32;
    Quantised {
        scale,
        error: error * 1.0001 + SLACK,
        length: squares.iter().sum::<f64>().sqrt() as f32 * 1.0001,
        sum,
    }
}
