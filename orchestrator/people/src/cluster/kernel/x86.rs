//! Screening with AVX2, AVX-VNNI and AVX-512 VNNI. The only unsafe code of the program.
//!
//! Unsafe is needed for two things: calling a function that is compiled for instructions which not every
//! processor has, and loading vector registers from a pointer. Who calls the former has found a
//! [`super::Kernel`] that only exists where the instructions do.
#![expect(unsafe_code, reason = "vector instructions; each block says why it is sound")]

use std::arch::x86_64::{
    __m256, __m256i, _CMP_GE_OQ, _mm256_add_epi16, _mm256_add_epi32, _mm256_add_ps, _mm256_cmp_ps,
    _mm256_cvtepi32_ps, _mm256_dpbusd_avx_epi32, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_min_ps, _mm256_movemask_ps, _mm256_mul_ps, _mm256_mullo_epi32,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm512_add_ps, _mm512_cmp_ps_mask,
    _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_min_ps,
    _mm512_mul_ps, _mm512_mullo_epi32, _mm512_set1_epi32, _mm512_set1_ps,
};

use crate::cluster::{
    dot::{Real, lanes},
    pack::{PANEL, RowBlock, RowShape, STRIP, Strip},
};

/// Rows at 31 levels: `maddubs` adds two products in 16 bits, and two of its results must fit before they are
/// widened: 4 · 63 · 127 = 32,004 < 2¹⁵. 4 rows × 2 registers of sums leave room for 4 of columns in 16.
pub(super) const AVX2_ROWS: RowShape = RowShape { tile: 4, levels: 31, offset: 32 };

/// `dpbusd` adds four products straight into 32 bits. 6 × 2 sums, 2 of columns and 1 row fit 16 registers.
pub(super) const AVX_VNNI_ROWS: RowShape = RowShape { tile: 6, levels: 127, offset: 128 };

/// As before with twice the width and 32 registers: 12 × 2 sums.
pub(super) const AVX512_VNNI_ROWS: RowShape = RowShape { tile: 12, levels: 127, offset: 128 };

pub(super) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
}

pub(super) fn has_avx_vnni() -> bool {
    has_avx2() && is_x86_feature_detected!("avxvnni")
}

pub(super) fn has_avx512_vnni() -> bool {
    has_avx2() && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")
}

pub(super) fn screen_avx2(rows: &RowBlock, strip: &Strip, floor: &[f32; STRIP], hits: &mut [u32]) {
    // SAFETY: a `Kernel` of this kind exists only where `has_avx2` holds, and it alone calls this.
    unsafe { tiles_avx2(rows, strip, floor, hits) }
}

pub(super) fn screen_avx_vnni(rows: &RowBlock, strip: &Strip, floor: &[f32; STRIP], hits: &mut [u32]) {
    // SAFETY: a `Kernel` of this kind exists only where `has_avx_vnni` holds, and it alone calls this.
    unsafe { tiles_avx_vnni(rows, strip, floor, hits) }
}

pub(super) fn screen_avx512_vnni(rows: &RowBlock, strip: &Strip, floor: &[f32; STRIP], hits: &mut [u32]) {
    // SAFETY: a `Kernel` of this kind exists only where `has_avx512_vnni` holds, and it alone calls this.
    unsafe { tiles_avx512_vnni(rows, strip, floor, hits) }
}

#[inline]
pub(super) fn dot_avx2<A: Real, B: Real>(a: &[A], b: &[B]) -> f64 {
    // SAFETY: all kernels of this module exist only where `has_avx2` holds, and they alone call this.
    unsafe { dot_wide(a, b) }
}

/// The same Rust as everywhere, compiled for wider registers.
#[target_feature(enable = "avx2")]
fn dot_wide<A: Real, B: Real>(a: &[A], b: &[B]) -> f64 {
    lanes(a, b)
}

/// 32 bytes of columns as one register.
#[inline]
#[target_feature(enable = "avx2")]
fn load_bytes(values: &[i8; 32]) -> __m256i {
    // SAFETY: the array has the 32 bytes that are read; the load needs no alignment.
    unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
}

/// Eight numbers as one register.
#[inline]
#[target_feature(enable = "avx2")]
fn load_floats(values: &[f32; 8]) -> __m256 {
    // SAFETY: the array has the 32 bytes that are read; the load needs no alignment.
    unsafe { _mm256_loadu_ps(values.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_sums(values: &[i32; 8]) -> __m256i {
    // SAFETY: the array has the 32 bytes that are read; the load needs no alignment.
    unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
}

/// What the columns of one register bring to the bound.
struct Columns256 {
    start: __m256i,
    scale: __m256,
    error: __m256,
    floor: __m256,
}

/// Columns 8·eighth.. of a strip; sums start at −offset · Σ q, so that the offset of the rows is gone at the
/// end.
#[inline]
#[target_feature(enable = "avx2")]
fn columns_256(strip: &Strip, floor: &[f32; STRIP], eighth: usize, offset: u8) -> Columns256 {
    let sum = load_sums(&strip.sum.as_chunks::<8>().0[eighth]);
    Columns256 {
        start: _mm256_mullo_epi32(sum, _mm256_set1_epi32(-i32::from(offset))),
        scale: load_floats(&strip.scale.as_chunks::<8>().0[eighth]),
        error: load_floats(&strip.error.as_chunks::<8>().0[eighth]),
        floor: load_floats(&floor.as_chunks::<8>().0[eighth]),
    }
}

/// Which of 8 columns may reach the floor with a row; the arithmetic of the portable kernel, in its order.
#[inline]
#[target_feature(enable = "avx2")]
fn hits_256(sums: __m256i, columns: &Columns256, rows: &RowBlock, row: usize) -> u32 {
    let product = _mm256_mul_ps(
        _mm256_mul_ps(_mm256_cvtepi32_ps(sums), columns.scale),
        _mm256_set1_ps(rows.scale[row]),
    );
    let slack = _mm256_add_ps(
        _mm256_set1_ps(rows.error[row]),
        _mm256_mul_ps(_mm256_set1_ps(rows.reach[row]), columns.error),
    );
    let floor = _mm256_min_ps(columns.floor, _mm256_set1_ps(rows.floor[row]));
    _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GE_OQ>(_mm256_add_ps(product, slack), floor)) as u32
}

#[target_feature(enable = "avx2")]
fn tiles_avx2(rows: &RowBlock, strip: &Strip, floor: &[f32; STRIP], hits: &mut [u32]) {
    const TILE: usize = AVX2_ROWS.tile;
    let ones = _mm256_set1_epi16(1);
    let tile_len = rows.values.len() / (rows.scale.len() / TILE);
    let panels = strip.values.chunks_exact(strip.values.len() / (STRIP / PANEL));
    hits.fill(0);
    for (panel, values) in panels.enumerate() {
        let halves = [0, 1].map(|half| columns_256(strip, floor, panel * 2 + half, AVX2_ROWS.offset));
        let groups = values.as_chunks::<32>().0.as_chunks::<4>().0;
        for (tile, bytes) in rows.values.chunks_exact(tile_len).enumerate() {
            let mut sums = [[halves[0].start, halves[1].start]; TILE];
            let quads = bytes.as_chunks::<4>().0.as_chunks::<{ 2 * TILE }>().0;
            for (quad, group) in quads.iter().zip(groups) {
                let columns = [
                    load_bytes(&group[0]),
                    load_bytes(&group[1]),
                    load_bytes(&group[2]),
                    load_bytes(&group[3]),
                ];
                for row in 0..TILE {
                    let first = _mm256_set1_epi32(i32::from_ne_bytes(quad[row]));
                    let second = _mm256_set1_epi32(i32::from_ne_bytes(quad[TILE + row]));
                    for half in 0..2 {
                        let short = _mm256_add_epi16(
                            _mm256_maddubs_epi16(first, columns[half]),
                            _mm256_maddubs_epi16(second, columns[2 + half]),
                        );
                        sums[row][half] = _mm256_add_epi32(sums[row][half], _mm256_madd_epi16(short, ones));
                    }
                }
            }
            for (at, sums) in (tile * TILE..).zip(sums) {
                let low = hits_256(sums[0], &halves[0], rows, at);
                let high = hits_256(sums[1], &halves[1], rows, at);
                hits[at] |= (low | high << 8) << (panel * PANEL);
            }
        }
    }
}

#[target_feature(enable = "avx2,avxvnni")]
fn tiles_avx_vnni(rows: &RowBlock, strip: &Strip, floor: &[f32; STRIP], hits: &mut [u32]) {
    const TILE: usize = AVX_VNNI_ROWS.tile;
    let tile_len = rows.values.len() / (rows.scale.len() / TILE);
    let panels = strip.values.chunks_exact(strip.values.len() / (STRIP / PANEL));
    hits.fill(0);
    for (panel, values) in panels.enumerate() {
        let halves = [0, 1].map(|half| columns_256(strip, floor, panel * 2 + half, AVX_VNNI_ROWS.offset));
        let groups = values.as_chunks::<32>().0.as_chunks::<2>().0;
        for (tile, bytes) in rows.values.chunks_exact(tile_len).enumerate() {
            let mut sums = [[halves[0].start, halves[1].start]; TILE];
            let quads = bytes.as_chunks::<4>().0.as_chunks::<TILE>().0;
            for (quad, group) in quads.iter().zip(groups) {
                let columns = [load_bytes(&group[0]), load_bytes(&group[1])];
                for row in 0..TILE {
                    let four = _mm256_set1_epi32(i32::from_ne_bytes(quad[row]));
                    for half in 0..2 {
                        sums[row][half] = _mm256_dpbusd_avx_epi32(sums[row][half], four, columns[half]);
                    }
                }
            }
            for (at, sums) in (tile * TILE..).zip(sums) {
                let low = hits_256(sums[0], &halves[0], rows, at);
                let high = hits_256(sums[1], &halves[1], rows, at);
                hits[at] |= (low | high << 8) << (panel * PANEL);
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn tiles_avx512_vnni(rows: &RowBlock, strip: &Strip, floor: &[f32; STRIP], hits: &mut [u32]) {
    const TILE: usize = AVX512_VNNI_ROWS.tile;
    let (floors, scales, errors) =
        (floor.as_chunks().0, strip.scale.as_chunks().0, strip.error.as_chunks().0);
    let load = |values: &[f32; PANEL]| {
        // SAFETY: the array has the 64 bytes that are read; the load needs no alignment.
        unsafe { _mm512_loadu_ps(values.as_ptr()) }
    };
    let load_bytes = |values: &[i8; 64]| {
        // SAFETY: the array has the 64 bytes that are read; the load needs no alignment.
        unsafe { _mm512_loadu_si512(values.as_ptr().cast()) }
    };
    let start = [0, 1].map(|panel| {
        let sums: &[i32; PANEL] = &strip.sum.as_chunks().0[panel];
        // SAFETY: the array has the 64 bytes that are read; the load needs no alignment.
        let sums = unsafe { _mm512_loadu_si512(sums.as_ptr().cast()) };
        _mm512_mullo_epi32(sums, _mm512_set1_epi32(-i32::from(AVX512_VNNI_ROWS.offset)))
    });
    let scale = [load(&scales[0]), load(&scales[1])];
    let error = [load(&errors[0]), load(&errors[1])];
    let floor = [load(&floors[0]), load(&floors[1])];
    let (first, second) = strip.values.split_at(strip.values.len() / 2);
    let (first, second) = (first.as_chunks::<64>().0, second.as_chunks::<64>().0);

    let tile_len = rows.values.len() / (rows.scale.len() / TILE);
    for (tile, bytes) in rows.values.chunks_exact(tile_len).enumerate() {
        let mut sums = [start; TILE];
        let quads = bytes.as_chunks::<4>().0.as_chunks::<TILE>().0;
        for (quad, (left, right)) in quads.iter().zip(first.iter().zip(second)) {
            let (left, right) = (load_bytes(left), load_bytes(right));
            for row in 0..TILE {
                let four = _mm512_set1_epi32(i32::from_ne_bytes(quad[row]));
                sums[row][0] = _mm512_dpbusd_epi32(sums[row][0], four, left);
                sums[row][1] = _mm512_dpbusd_epi32(sums[row][1], four, right);
            }
        }
        for (at, sums) in (tile * TILE..).zip(sums) {
            let mut mask = 0;
            for panel in 0..2 {
                let product = _mm512_mul_ps(
                    _mm512_mul_ps(_mm512_cvtepi32_ps(sums[panel]), scale[panel]),
                    _mm512_set1_ps(rows.scale[at]),
                );
                let slack = _mm512_add_ps(
                    _mm512_set1_ps(rows.error[at]),
                    _mm512_mul_ps(_mm512_set1_ps(rows.reach[at]), error[panel]),
                );
                let floor = _mm512_min_ps(floor[panel], _mm512_set1_ps(rows.floor[at]));
                let hit = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(_mm512_add_ps(product, slack), floor);
                mask |= u32::from(hit) << (panel * PANEL);
            }
            hits[at] = mask;
        }
    }
}
