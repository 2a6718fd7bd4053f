//! The scalar product that every distance comes from.

/// Partial sums that [`lanes`] keeps: enough for the widest vector registers to be busy.
const LANES: usize = 16;

/// A number that widens to f64 without loss.
pub(super) trait Real: Copy + Sync {
    /// The same number.
    fn wide(self) -> f64;
}

impl Real for f32 {
    #[expect(
        clippy::inline_always,
        reason = "compiled again for wide registers, inside functions with target features"
    )]
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    #[expect(
        clippy::inline_always,
        reason = "compiled again for wide registers, inside functions with target features"
    )]
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
}

/// Scalar product of two vectors of the same length, in f64 and in one fixed order, whatever instructions it
/// is compiled to: value i goes to partial sum i mod 16, and the partial sums are added pairwise. Products
/// and sums are rounded apart (no fused multiply-add).
///
/// Symmetric bit by bit. O(d).
#[expect(
    clippy::inline_always,
    reason = "compiled again for wide registers, inside functions with target features"
)]
#[inline(always)]
pub(super) fn lanes<A: Real, B: Real>(a: &[A], b: &[B]) -> f64 {
    let mut sums = [0.0f64; LANES];
    let (whole_a, rest_a) = a.as_chunks::<LANES>();
    let (whole_b, rest_b) = b.as_chunks::<LANES>();
    for (x, y) in whole_a.iter().zip(whole_b) {
        for lane in 0..LANES {
            sums[lane] += x[lane].wide() * y[lane].wide();
        }
    }
    for (sum, (x, y)) in sums.iter_mut().zip(rest_a.iter().zip(rest_b)) {
        *sum += x.wide() * y.wide();
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}
