//! Affine maps of the plane.

use facesets_core::geometry::PixelRect;

/// Pixels read beyond the outermost position: bilinear reads one more to the right and below, another is for
/// the last bit of the corners.
const BEYOND: f64 = 2.0;

/// (x, y) → (a·x + b·y + c, d·x + e·y + f), rows first: `[[a, b, c], [d, e, f]]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine(pub [[f64; 3]; 2]);

impl Affine {
    /// The map of one point.
    pub fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        self.0.map(|[a, b, c]| a * x + b * y + c)
    }

    /// The map back; `None` if this one flattens the plane or is not finite.
    pub fn inverse(&self) -> Option<Self> {
        let [[a, b, c], [d, e, f]] = self.0;
        let determinant = a * e - b * d;
        if determinant == 0.0 || !determinant.is_finite() {
            return None;
        }
        let [a, b, d, e] = [e, -b, -d, a].map(|v| v / determinant);
        Some(Self([[a, b, -(a * c + b * f)], [d, e, -(d * c + e * f)]]))
    }

    /// The pixels of a photo of `width` × `height` that a crop of `side` × `side` pixels shows, of which this
    /// is the map from the photo; with a few around them. `None` if it shows none.
    pub fn reach(&self, side: u32, [width, height]: [u32; 2]) -> Option<PixelRect> {
        let inverse = self.inverse()?;
        let last = f64::from(side.saturating_sub(1));
        let corners =
            [[0.0, 0.0], [last, 0.0], [0.0, last], [last, last]].map(|corner| inverse.apply(corner));
        let range = |axis: usize, length: u32| {
            let along = corners.map(|corner| corner[axis]);
            let first = along.into_iter().fold(f64::INFINITY, f64::min).floor() - BEYOND;
            let end = along.into_iter().fold(f64::NEG_INFINITY, f64::max).floor() + BEYOND + 1.0;
            let [first, end] = [first, end].map(|at| at.clamp(0.0, f64::from(length)) as u32);
            (first < end).then_some((first, end - first))
        };
        let ((x, width), (y, height)) = (range(0, width)?, range(1, height)?);
        Some(PixelRect { x, y, width, height })
    }

    /// The similarity (rotation, uniform scale, translation; never a reflection) that brings `from` closest
    /// to `to` in the sense of least squares: Umeyama's, in its closed form for the plane. `None` when the
    /// points of `from` coincide.
    pub fn similarity<const N: usize>(from: &[[f64; 2]; N], to: &[[f64; 2]; N]) -> Option<Self> {
        let ([from_x, from_y], [to_x, to_y]) = (mean(from), mean(to));
        let (mut cosine, mut sine, mut spread) = (0.0, 0.0, 0.0);
        for ([x, y], [u, v]) in from.iter().zip(to) {
            let (x, y, u, v) = (x - from_x, y - from_y, u - to_x, v - to_y);
            cosine += x * u + y * v;
            sine += x * v - y * u;
            spread += x * x + y * y;
        }
        let (a, b) = (cosine / spread, sine / spread);
        let map = Self([[a, -b, to_x - a * from_x + b * from_y], [b, a, to_y - b * from_x - a * from_y]]);
        map.0.as_flattened().iter().all(|v| v.is_finite()).then_some(map)
    }
}

fn mean<const N: usize>(points: &[[f64; 2]; N]) -> [f64; 2] {
    std::array::from_fn(|axis| points.iter().map(|p| p[axis]).sum::<f64>() / N as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_similarity_is_recovered_from_five_points(
            scale in 0.05f64..20.0, angle in -3.1f64..3.1, dx in -2000.0f64..2000.0, dy in -2000.0f64..2000.0,
            points in prop::array::uniform5(prop::array::uniform2(-500.0f64..500.0)),
        ) {
            prop_assume!(points.iter().any(|p| (p[0] - points[0][0]).abs() > 1.0));
            let (a, b) = (scale * angle.cos(), scale * angle.sin());
            let truth = Affine([[a, -b, dx], [b, a, dy]]);
            let found = Affine::similarity(&points, &points.map(|p| truth.apply(p))).unwrap();
            for (found, truth) in found.0.as_flattened().iter().zip(truth.0.as_flattened()) {
                prop_assert!((found - truth).abs() < 1e-6 * (1.0 + truth.abs()), "{found} {truth}");
            }
        }

        #[test]
        fn the_inverse_takes_every_point_back(
            m in prop::array::uniform6(-3.0f64..3.0), point in prop::array::uniform2(-1000.0f64..1000.0),
        ) {
            let map = Affine([[m[0], m[1], 100.0 * m[2]], [m[3], m[4], 100.0 * m[5]]]);
            prop_assume!((m[0] * m[4] - m[1] * m[3]).abs() > 0.01);
            let [x, y] = map.inverse().unwrap().apply(map.apply(point));
            prop_assert!((x - point[0]).abs() < 1e-6 && (y - point[1]).abs() < 1e-6);
        }
    }

    #[test]
    fn points_that_coincide_have_no_similarity() {
        assert_eq!(Affine::similarity(&[[3.0, 4.0]; 5], &[[1.0, 2.0]; 5]), None);
        assert_eq!(Affine([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]).inverse(), None);
    }

    #[test]
    fn mirrored_points_get_a_rotation_and_no_reflection() {
        let from = [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 1.0]];
        let Affine([[a, b, _], [d, e, _]]) = Affine::similarity(&from, &from.map(|[x, y]| [-x, y])).unwrap();
        assert!(a * e - b * d > 0.0);
    }
}
