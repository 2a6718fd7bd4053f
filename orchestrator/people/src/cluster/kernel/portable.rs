//! Screening in plain Rust.

use crate::cluster::pack::{PANEL, RowBlock, RowShape, STRIP, Strip};

/// Whole range of 8 bits.
pub(super) const ROWS: RowShape = RowShape { tile: 1, levels: 127, offset: 128 };

/// See [`super::Kernel::screen`].
pub(super) fn screen(rows: &RowBlock, strip: &Strip, floor: &[f32; STRIP], hits: &mut [u32]) {
    let stride = rows.values.len() / rows.scale.len().max(1);
    let panel_len = strip.values.len() / (STRIP / PANEL);
    for (row, (hits, values)) in hits.iter_mut().zip(rows.values.chunks(stride)).enumerate() {
        let mut sums = [0i32; STRIP];
        for (panel, sums) in strip.values.chunks(panel_len).zip(sums.chunks_mut(PANEL)) {
            for (four, columns) in values.as_chunks::<4>().0.iter().zip(panel.as_chunks::<{ PANEL * 4 }>().0)
            {
                let four = four.map(|value| i16::from(value) - i16::from(ROWS.offset));
                for (sum, column) in sums.iter_mut().zip(columns.as_chunks::<4>().0) {
                    *sum += (0..4).map(|i| i32::from(four[i] * i16::from(column[i]))).sum::<i32>();
                }
            }
        }
        *hits = 0;
        for column in 0..STRIP {
            let product = sums[column] as f32 * strip.scale[column] * rows.scale[row];
            let bound = product + (rows.error[row] + rows.reach[row] * strip.error[column]);
            *hits |= u32::from(bound >= floor[column].min(rows.floor[row])) << column;
        }
    }
}
