//! The two inner loops, on whatever instructions the processor has: screening pairs in 8 bits, and exact
//! scalar products.
//!
//! Every kernel gives the same results: screening only proposes pairs (which ones differs with the levels of
//! the rows, and no pair above its floor is ever missed), and scalar products have one fixed order
//! ([`super::dot`]).

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::{
    dot::{Real, lanes},
    pack::{RowBlock, RowShape, STRIP, Strip},
};

/// Instructions to use. Only those that the processor has can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kernel(Instructions);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instructions {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

impl Kernel {
    /// Plain Rust, for any processor.
    pub(super) const PORTABLE: Self = Self(Instructions::Portable);

    /// All that this processor can run, slowest first; never empty.
    pub(super) fn available() -> Vec<Self> {
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut, reason = "x86-64 has more"))]
        let mut kernels = vec![Self::PORTABLE];
        #[cfg(target_arch = "x86_64")]
        {
            if x86::has_avx2() {
                kernels.push(Self(Instructions::Avx2));
            }
            if x86::has_avx_vnni() {
                kernels.push(Self(Instructions::AvxVnni));
            }
            if x86::has_avx512_vnni() {
                kernels.push(Self(Instructions::Avx512Vnni));
            }
        }
        kernels
    }

    /// The fastest that this processor can run.
    pub(super) fn detected() -> Self {
        Self::available().pop().unwrap_or(Self::PORTABLE)
    }

    /// How rows are packed for [`Self::screen`].
    pub(super) fn row_shape(self) -> RowShape {
        match self.0 {
            Instructions::Portable => portable::ROWS,
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => x86::AVX2_ROWS,
            #[cfg(target_arch = "x86_64")]
            Instructions::AvxVnni => x86::AVX_VNNI_ROWS,
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512Vnni => x86::AVX512_VNNI_ROWS,
        }
    }

    /// Compares all rows with all columns: bit c of `hits[r]` is set if the upper bound of their scalar
    /// product is at least the smaller of `rows.floor[r]` and `floor[c]`. O(rows · 32 · d).
    ///
    /// # Panics
    /// If the rows were packed for another kernel or another d, or `hits` is not as long as the rows with
    /// their padding.
    pub(super) fn screen(self, rows: &RowBlock, strip: &Strip, floor: &[f32; STRIP], hits: &mut [u32]) {
        let padded = rows.scale.len();
        assert_eq!(rows.shape, self.row_shape(), "rows were packed for another kernel");
        assert_eq!(rows.values.len() * STRIP, strip.values.len() * padded, "rows and columns differ in d");
        assert_eq!(strip.values.len() % (8 * STRIP), 0, "groups come in pairs");
        assert_eq!(padded % rows.shape.tile, 0, "tiles are whole");
        assert!(
            [rows.error.len(), rows.reach.len(), rows.floor.len(), hits.len()]
                .iter()
                .all(|len| *len == padded),
            "rows lack some of their numbers"
        );
        match self.0 {
            Instructions::Portable => portable::screen(rows, strip, floor, hits),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => x86::screen_avx2(rows, strip, floor, hits),
            #[cfg(target_arch = "x86_64")]
            Instructions::AvxVnni => x86::screen_avx_vnni(rows, strip, floor, hits),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512Vnni => x86::screen_avx512_vnni(rows, strip, floor, hits),
        }
    }

    /// The scalar product, bit by bit the same from every kernel.
    #[inline]
    pub(super) fn dot<A: Real, B: Real>(self, a: &[A], b: &[B]) -> f64 {
        match self.0 {
            Instructions::Portable => lanes(a, b),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 | Instructions::AvxVnni | Instructions::Avx512Vnni => x86::dot_avx2(a, b),
        }
    }
}
