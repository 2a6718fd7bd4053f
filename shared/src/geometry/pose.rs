//! Head pose from the 68 three-dimensional landmarks, as `InsightFace` defines it.

use super::mean_shape_68::MEAN_SHAPE_68;
use crate::face::LANDMARKS_68;

/// Head rotation in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// Up (negative) and down (positive), about the x axis.
    pub pitch: f32,
    /// Left and right, about the y axis.
    pub yaw: f32,
    /// Tilt in the image plane, about the z axis.
    pub roll: f32,
}

impl Pose {
    /// The rotation part of the least-squares affine map from the mean shape to `landmarks` (x, y, z in
    /// pixels).
    ///
    /// Returns `None` when there are not 68 finite points or they do not span a plane.
    pub fn from_landmarks_68(landmarks: &[[f32; 3]]) -> Option<Self> {
        if landmarks.len() != LANDMARKS_68 || landmarks.iter().flatten().any(|v| !v.is_finite()) {
            return None;
        }
        let points: Vec<[f64; 3]> = landmarks.iter().map(|p| p.map(f64::from)).collect();
        let [row0, row1, _] = least_squares_linear_part(&MEAN_SHAPE_68, &points)?;
        let r0 = normalised(row0)?;
        let r1 = normalised(row1)?;
        Some(euler_angles([r0, r1, cross(r0, r1)]))
    }
}

/// Rows of the 3×3 matrix A that, with a translation, minimises Σ‖A·from + t − to‖².
fn least_squares_linear_part(from: &[[f64; 3]], to: &[[f64; 3]]) -> Option<[[f64; 3]; 3]> {
    let (from_mean, to_mean) = (mean(from), mean(to));
    let mut gram = [[0.0; 3]; 3];
    let mut cross_moments = [[0.0; 3]; 3];
    for (f, t) in from.iter().zip(to) {
        let (f, t) = (minus(*f, from_mean), minus(*t, to_mean));
        for i in 0..3 {
            for j in 0..3 {
                gram[i][j] += f[i] * f[j];
                cross_moments[i][j] += t[i] * f[j];
            }
        }
    }
    let inverse = inverted(gram)?;
    Some(cross_moments.map(|row| std::array::from_fn(|j| (0..3).map(|k| row[k] * inverse[k][j]).sum())))
}

/// Pitch, yaw, roll of a rotation matrix given by rows.
fn euler_angles(r: [[f64; 3]; 3]) -> Pose {
    let cos_yaw = r[0][0].hypot(r[1][0]);
    let yaw = (-r[2][0]).atan2(cos_yaw);
    // Below this the view is along the y axis and roll is not defined: it is taken as 0.
    let (pitch, roll) = if cos_yaw < 1e-6 {
        ((-r[1][2]).atan2(r[1][1]), 0.0)
    } else {
        (r[2][1].atan2(r[2][2]), r[1][0].atan2(r[0][0]))
    };
    Pose { pitch: pitch.to_degrees() as f32, yaw: yaw.to_degrees() as f32, roll: roll.to_degrees() as f32 }
}

fn mean(points: &[[f64; 3]]) -> [f64; 3] {
    std::array::from_fn(|i| points.iter().map(|p| p[i]).sum::<f64>() / points.len() as f64)
}

fn minus(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|i| a[i] - b[i])
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn normalised(v: [f64; 3]) -> Option<[f64; 3]> {
    let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
    (length > 1e-12).then(|| v.map(|x| x / length))
}

/// Inverse by the adjugate; `None` for a singular matrix.
fn inverted(m: [[f64; 3]; 3]) -> Option<[[f64; 3]; 3]> {
    let columns = [cross(m[1], m[2]), cross(m[2], m[0]), cross(m[0], m[1])];
    let determinant: f64 = (0..3).map(|i| m[0][i] * columns[0][i]).sum();
    (determinant.abs() > 1e-12)
        .then(|| std::array::from_fn(|i| std::array::from_fn(|j| columns[j][i] / determinant)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Rotation matrix Rz(roll)·Ry(yaw)·Rx(pitch), the convention that `euler_angles` undoes.
    fn rotation(pitch: f64, yaw: f64, roll: f64) -> [[f64; 3]; 3] {
        let ((sx, cx), (sy, cy), (sz, cz)) =
            (pitch.to_radians().sin_cos(), yaw.to_radians().sin_cos(), roll.to_radians().sin_cos());
        [
            [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
            [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
            [-sy, cy * sx, cy * cx],
        ]
    }

    proptest! {
        #[test]
        fn a_turned_scaled_and_moved_mean_shape_gives_back_its_angles(
            pitch in -60.0f64..60.0, yaw in -80.0f64..80.0, roll in -170.0f64..170.0, scale in 0.1f64..9.0, shift in -300.0f64..300.0,
        ) {
            let r = rotation(pitch, yaw, roll);
            let points: Vec<[f32; 3]> = MEAN_SHAPE_68
                .iter()
                .map(|p| std::array::from_fn(|i| ((0..3).map(|k| r[i][k] * p[k]).sum::<f64>() * scale + shift) as f32))
                .collect();
            let pose = Pose::from_landmarks_68(&points).unwrap();
            prop_assert!((f64::from(pose.pitch) - pitch).abs() < 0.05, "{pose:?}");
            prop_assert!((f64::from(pose.yaw) - yaw).abs() < 0.05, "{pose:?}");
            prop_assert!((f64::from(pose.roll) - roll).abs() < 0.05, "{pose:?}");
        }
    }

    #[test]
    fn points_without_extent_have_no_pose() {
        assert_eq!(Pose::from_landmarks_68(&[[1.0, 2.0, 3.0]; 68]), None);
        assert_eq!(Pose::from_landmarks_68(&[[1.0, 2.0, 3.0]; 67]), None);
    }
}
