//! How far a face is turned in the plane of its photo, from the detector's five points.

use super::Pose;
use crate::face::Keypoints;

/// Most degrees by which a face is turned that is upright rather than lying: half a quarter turn.
pub const UPRIGHT_DEGREES: f32 = 45.0;

/// Difference in degrees from which the roll of the 68 landmarks and that of the five points are not of one
/// face. The landmarks come from a network that knows upright faces only: of one that stands on its head it
/// says that it is tilted by a few degrees.
const DISAGREEMENT_DEGREES: f32 = 30.0;

/// Degrees in (−180, 180] by which a face is turned clockwise, as one sees it: 0 upright, 90 where its eyes
/// are on the right, 180 on its head.
///
/// Two directions say it, each weighing as much as it is long: from eye to eye, and from the eyes down to the
/// mouth. One of them is there in any view of a face: the first is short in profile, the second when it looks
/// up or down. `None` where neither is, as the points coincide.
pub fn roll_of(keypoints: &Keypoints) -> Option<f32> {
    let [left_eye, right_eye, _, left_mouth, right_mouth] = keypoints.map(|point| point.map(f64::from));
    let middle = |a: [f64; 2], b: [f64; 2]| [f64::midpoint(a[0], b[0]), f64::midpoint(a[1], b[1])];
    let from_to = |a: [f64; 2], b: [f64; 2]| [b[0] - a[0], b[1] - a[1]];
    let across = from_to(left_eye, right_eye);
    let down = from_to(middle(left_eye, right_eye), middle(left_mouth, right_mouth));
    // The second one by a quarter back, so that both point to the right in an upright face.
    let (x, y) = (across[0] + down[1], across[1] - down[0]);
    let degrees = y.atan2(x).to_degrees() as f32;
    let is_known = x.hypot(y) > f64::from(f32::EPSILON);
    is_known.then_some(if degrees <= -180.0 { 180.0 } else { degrees })
}

/// The pose that the 68 landmarks give, unless the five points say that the face lies, or that the landmarks
/// are of none that is so turned.
///
/// Landmarks and points of one detection, in pixels of the same image. Without a roll of the points the
/// landmarks are believed.
pub fn believed_pose(landmarks_68: &[[f32; 3]], roll: Option<f32>) -> Option<Pose> {
    let pose = Pose::from_landmarks_68(landmarks_68)?;
    let agrees = roll.is_none_or(|roll| {
        roll.abs() <= UPRIGHT_DEGREES && turn_between(roll, pose.roll) < DISAGREEMENT_DEGREES
    });
    agrees.then_some(pose)
}

/// Degrees in [0, 180] from one direction to another.
fn turn_between(a: f32, b: f32) -> f32 {
    let turn = (a - b).rem_euclid(360.0);
    turn.min(360.0 - turn)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An upright face, its eyes as far apart as `width` says and its mouth as far below as `height` does.
    fn upright(width: f32, height: f32) -> Keypoints {
        let side = width / 2.0;
        [[-side, 0.0], [side, 0.0], [0.0, height / 2.0], [-side * 0.8, height], [side * 0.8, height]]
    }

    fn turned(points: Keypoints, degrees: f32, shift: f32) -> Keypoints {
        let (sin, cos) = degrees.to_radians().sin_cos();
        points.map(|[x, y]| [x * cos - y * sin + shift, x * sin + y * cos + shift])
    }

    #[test]
    fn a_face_on_its_head_is_turned_by_half_and_one_with_its_eyes_on_the_right_by_a_quarter() {
        let roll = |degrees| roll_of(&turned(upright(40.0, 45.0), degrees, 500.0)).unwrap();
        for (degrees, expected) in [(0.0, 0.0), (90.0, 90.0), (270.0, -90.0), (30.0, 30.0)] {
            assert!((roll(degrees) - expected).abs() < 0.01, "{degrees}: {}", roll(degrees));
        }
        assert!((roll(180.0).abs() - 180.0).abs() < 0.01 && roll(180.0) > -180.0);
        let eyes = turned(upright(40.0, 45.0), 90.0, 0.0);
        assert!(eyes[0][0] > eyes[3][0], "the eyes are on the right of the mouth");
    }

    #[test]
    fn points_that_coincide_say_nothing() {
        assert_eq!(roll_of(&[[7.0, 9.0]; 5]), None);
    }

    #[test]
    fn a_pose_that_the_points_contradict_is_not_believed() {
        let scaled = |turn: f32| -> Vec<[f32; 3]> {
            let (sin, cos) = turn.to_radians().sin_cos();
            let turned = |p: &[f64; 3]| {
                let [x, y, z] = p.map(|v| v as f32);
                [x * cos - y * sin, x * sin + y * cos, z]
            };
            super::super::mean_shape_68::MEAN_SHAPE_68.iter().map(turned).collect()
        };
        let roll = Pose::from_landmarks_68(&scaled(20.0)).unwrap().roll;
        assert!((roll - 20.0).abs() < 0.1, "{roll}");
        for (points, believed) in [(None, true), (Some(35.0), true), (Some(-5.0), true), (Some(168.0), false)]
        {
            assert_eq!(believed_pose(&scaled(20.0), points).is_some(), believed, "{points:?}");
        }
        assert!(
            believed_pose(&scaled(175.0), Some(-175.0)).is_none(),
            "whatever they say of a face on its head"
        );
    }

    proptest! {
        #[test]
        fn the_turn_of_a_face_is_found_in_any_view_of_it(
            width in 0.0f32..60.0, height in 20.0f32..60.0, degrees in -179.0f32..179.0, shift in -900.0f32..900.0,
        ) {
            let roll = roll_of(&turned(upright(width, height), degrees, shift)).unwrap();
            prop_assert!(turn_between(roll, degrees) < 0.1, "{roll}");
            prop_assert!(roll > -180.0 && roll <= 180.0);
        }
    }
}
