//! How good a face is for a set: five terms in [0, 1] and their weighted sum.
//!
//! Each term grows with what it is named after. The saturation points below are this project's choice; the
//! weights are those of the system before it.

use facesets_core::Pose;
use serde::{Deserialize, Serialize};

use crate::gallery::GalleryFace;

/// Turn (yaw and pitch together, in degrees) at which frontality reaches 0: beyond it one half of the face is
/// hidden.
const FRONTALITY_LIMIT_DEGREES: f32 = 60.0;

/// Short side in pixels from which a face counts as large: the face's share of a 512-pixel crop at padding
/// 0.5.
const FACE_SIZE_FULL_PIXELS: f32 = 256.0;

/// Variance of the Laplacian at which sharpness is one half: about what a phone photo in daylight has.
const SHARPNESS_HALF_BLUR: f32 = 100.0;

/// Mirror pairs of the 68-point layout (iBUG 300-W, from 0): jaw, brows, eyes, nose, mouth.
const MIRROR_PAIRS: [(usize, usize); 29] = [
    (0, 16),
    (1, 15),
    (2, 14),
    (3, 13),
    (4, 12),
    (5, 11),
    (6, 10),
    (7, 9),
    (17, 26),
    (18, 25),
    (19, 24),
    (20, 23),
    (21, 22),
    (36, 45),
    (37, 44),
    (38, 43),
    (39, 42),
    (40, 47),
    (41, 46),
    (31, 35),
    (32, 34),
    (48, 54),
    (49, 53),
    (50, 52),
    (59, 55),
    (58, 56),
    (60, 64),
    (61, 63),
    (67, 65),
];

/// Top of the nose bridge and tip of the chin: the line that a face is symmetric about.
const MIDLINE: (usize, usize) = (27, 8);

/// The five terms, each in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct QualityTerms {
    /// 1 straight at the camera, 0 from 60° of turn; 0 where the pose is unknown, as it is of a face that
    /// lies.
    pub frontality: f32,
    /// Detector confidence.
    pub det_score: f32,
    /// Mean over mirror pairs of (nearer ÷ farther distance to the midline); 0 without landmarks that are
    /// believed.
    pub landmark_symmetry: f32,
    /// Short side of the box, 1 from 256 px.
    pub face_size: f32,
    /// Variance of the Laplacian v as v ÷ (v + 100).
    pub sharpness: f32,
}

impl QualityTerms {
    /// The terms of a face.
    pub fn of(face: &GalleryFace) -> Self {
        Self {
            frontality: face.pose.map_or(0.0, frontality),
            det_score: face.det_score.clamp(0.0, 1.0),
            landmark_symmetry: face.pose.map_or(0.0, |_| landmark_symmetry(&face.landmarks_68)),
            face_size: (face.bbox.short_side() / FACE_SIZE_FULL_PIXELS).clamp(0.0, 1.0),
            sharpness: face.blur / (face.blur + SHARPNESS_HALF_BLUR),
        }
    }

    /// 0.30·frontality + 0.20·`det_score` + 0.20·`landmark_symmetry` + 0.15·`face_size` + 0.15·sharpness.
    pub fn composite(&self) -> f32 {
        0.30 * self.frontality
            + 0.20 * self.det_score
            + 0.20 * self.landmark_symmetry
            + 0.15 * self.face_size
            + 0.15 * self.sharpness
    }
}

fn frontality(pose: Pose) -> f32 {
    (1.0 - pose.yaw.hypot(pose.pitch) / FRONTALITY_LIMIT_DEGREES).max(0.0)
}

/// In the image plane, so that a face turned aside is less symmetric however well its shape is known.
fn landmark_symmetry(points: &[[f32; 3]]) -> f32 {
    if points.len() != facesets_core::face::LANDMARKS_68 {
        return 0.0;
    }
    let ([top_x, top_y, _], [chin_x, chin_y, _]) = (points[MIDLINE.0], points[MIDLINE.1]);
    let (dx, dy) = (chin_x - top_x, chin_y - top_y);
    // Signed and scaled by the midline's length, which cancels in the ratio.
    let side = |[x, y, _]: [f32; 3]| (x - top_x) * dy - (y - top_y) * dx;
    let ratio = |(left, right): (usize, usize)| {
        let (a, b) = (side(points[left]), side(points[right]));
        // Both on one side: the farther half of the face is hidden.
        if a * b >= 0.0 { 0.0 } else { a.abs().min(b.abs()) / a.abs().max(b.abs()) }
    };
    MIRROR_PAIRS.into_iter().map(ratio).sum::<f32>() / MIRROR_PAIRS.len() as f32
}

#[cfg(test)]
mod tests {
    use facesets_core::BBox;
    use proptest::prelude::*;

    use super::*;

    fn face(short: f32, blur: f32, yaw: f32) -> GalleryFace {
        GalleryFace {
            content: 0,
            number: 0,
            bbox: BBox::new([0.0, 0.0, short, short + 1.0]).unwrap(),
            det_score: 0.8,
            norm: 1.0,
            blur,
            landmarks_68: Vec::new(),
            roll: None,
            pose: Some(Pose { pitch: 0.0, yaw, roll: 0.0 }),
        }
    }

    /// Points that mirror each other about a vertical midline, the right half squeezed.
    fn landmarks(squeeze: f32) -> Vec<[f32; 3]> {
        let mut points = vec![[100.0, 50.0, 0.0]; 68];
        points[MIDLINE.0] = [100.0, 0.0, 0.0];
        points[MIDLINE.1] = [100.0, 100.0, 0.0];
        for (i, (left, right)) in MIRROR_PAIRS.into_iter().enumerate() {
            let offset = 5.0 + i as f32;
            points[left] = [100.0 - offset, 3.0 * i as f32, 0.0];
            points[right] = [100.0 + offset * squeeze, 3.0 * i as f32, 0.0];
        }
        points
    }

    #[test]
    fn symmetry_is_one_for_a_mirror_image_and_falls_as_a_half_shrinks() {
        let values: Vec<f32> = [1.0, 0.5, 0.1].iter().map(|s| landmark_symmetry(&landmarks(*s))).collect();
        for (value, expected) in values.iter().zip([1.0, 0.5, 0.1]) {
            assert!((value - expected).abs() < 1e-4, "{values:?}");
        }
    }

    #[test]
    fn a_mirror_pair_appears_once_and_never_on_the_midline() {
        let mut seen: Vec<usize> = MIRROR_PAIRS.iter().flat_map(|(a, b)| [*a, *b]).collect();
        seen.sort_unstable();
        let before = seen.len();
        seen.dedup();
        assert_eq!(seen.len(), before);
        assert!(!seen.contains(&MIDLINE.0) && !seen.contains(&MIDLINE.1));
    }

    proptest! {
        #[test]
        fn every_term_and_the_composite_are_in_range(
            short in 1.0f32..3000.0, blur in 0.0f32..1e5, yaw in -180.0f32..180.0, squeeze in 0.0f32..5.0,
        ) {
            let face = GalleryFace { landmarks_68: landmarks(squeeze), ..face(short, blur, yaw) };
            let terms = QualityTerms::of(&face);
            let all = [terms.frontality, terms.det_score, terms.landmark_symmetry, terms.face_size, terms.sharpness, terms.composite()];
            prop_assert!(all.iter().all(|term| (0.0..=1.0).contains(term)), "{terms:?}");
        }

        #[test]
        fn terms_grow_with_what_they_are_named_after(
            short in 1.0f32..500.0, blur in 0.0f32..1e4, yaw in 0.0f32..90.0, more in 0.1f32..50.0,
        ) {
            let (less, larger) = (QualityTerms::of(&face(short, blur, yaw + more)), QualityTerms::of(&face(short + more, blur + more, yaw)));
            prop_assert!(larger.face_size >= less.face_size);
            prop_assert!(larger.sharpness >= less.sharpness);
            prop_assert!(larger.frontality >= less.frontality);
            prop_assert!(larger.composite() >= less.composite());
        }
    }
}
