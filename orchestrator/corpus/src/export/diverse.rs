//! Which few crops show the most of a person: good ones that differ from each other. Pure.
//!
//! Greedy: the best crop first, then again and again the one with the highest *composite quality × distance
//! to the nearest crop chosen*. The distance of two crops is the mean of the cosine distance of their
//! embeddings and the angle between their head poses (yaw and pitch; a roll is undone by alignment) as a part
//! of 90 degrees. O(count · n · d).

use facesets_people::gallery::Gallery;

use super::plan::PlannedFace;

/// Angle between two poses that counts as much as a cosine distance of 1: from one frontality limit (60°) to
/// three quarters on the other side.
const FULL_TURN_DEGREES: f32 = 90.0;

/// The places of up to `count` of some ranked faces, in the order of their ranks. Of equal ones the better
/// rank is chosen.
pub fn diverse(gallery: &Gallery, ranked: &[PlannedFace], count: usize) -> Vec<usize> {
    let mut nearest = vec![f32::INFINITY; ranked.len()];
    let mut chosen: Vec<usize> = Vec::new();
    while chosen.len() < count.min(ranked.len()) {
        // Everything is infinitely far from nothing: the first one is the one that ranks first.
        let worth = |at: usize| ranked[at].quality.composite() * nearest[at];
        let open = (0..ranked.len()).filter(|at| !chosen.contains(at));
        let better =
            |best: usize, at: usize| if !chosen.is_empty() && worth(at) > worth(best) { at } else { best };
        let Some(next) = open.reduce(better) else { break };
        for (at, nearest) in nearest.iter_mut().enumerate() {
            *nearest = nearest.min(distance(gallery, ranked[at].face, ranked[next].face));
        }
        chosen.push(next);
    }
    chosen.sort_unstable();
    chosen
}

/// In [0, 1.5]; a face without a pose has everybody's.
fn distance(gallery: &Gallery, a: usize, b: usize) -> f32 {
    let cosine = (1.0 - gallery.embedding(a).dot(&gallery.embedding(b))).max(0.0);
    let turn = match (gallery.faces[a].pose, gallery.faces[b].pose) {
        (Some(a), Some(b)) => ((a.yaw - b.yaw).hypot(a.pitch - b.pitch) / FULL_TURN_DEGREES).min(1.0),
        _ => 0.0,
    };
    f32::midpoint(cosine, turn)
}

#[cfg(test)]
mod tests {
    use facesets_base::location::Location;
    use facesets_core::{BBox, Pose, Sha256Digest};
    use facesets_people::{
        gallery::{Content, GalleryFace},
        quality::QualityTerms,
    };
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    /// Faces (direction in a plane in degrees, yaw, quality), each in a photo of its own.
    fn set(faces: &[(f32, f32, f32)]) -> (Gallery, Vec<PlannedFace>) {
        let mut embeddings = Array2::zeros((faces.len(), 2));
        let mut gallery = Gallery {
            contract: String::new(),
            contents: Vec::new(),
            faces: Vec::new(),
            embeddings: Array2::zeros((0, 2)),
            absent: facesets_people::gallery::Absent::default(),
        };
        let mut planned = Vec::new();
        for (face, (angle, yaw, quality)) in faces.iter().enumerate() {
            embeddings[[face, 0]] = angle.to_radians().cos();
            embeddings[[face, 1]] = angle.to_radians().sin();
            gallery.contents.push(Content {
                sha256: Sha256Digest::of(&face.to_le_bytes()),
                locations: vec![Location::file(format!("/{face}"))],
                width: 100,
                height: 100,
                bytes: 1000,
                capture_year: None,
            });
            gallery.faces.push(GalleryFace {
                content: face,
                number: 0,
                bbox: BBox::new([0.0, 0.0, 50.0, 50.0]).unwrap(),
                det_score: 1.0,
                norm: 1.0,
                blur: 1.0,
                landmarks_68: Vec::new(),
                roll: None,
                pose: Some(Pose { pitch: 0.0, yaw: *yaw, roll: 0.0 }),
            });
            let terms = QualityTerms {
                frontality: *quality,
                det_score: *quality,
                landmark_symmetry: *quality,
                face_size: *quality,
                sharpness: *quality,
            };
            planned.push(PlannedFace { face, quality: terms, pad_ratio: 0.5 });
        }
        gallery.embeddings = embeddings;
        (gallery, planned)
    }

    #[test]
    fn near_copies_of_the_best_are_passed_over_for_what_differs() {
        let (gallery, ranked) =
            set(&[(0.0, 0.0, 0.9), (1.0, 1.0, 0.89), (2.0, 0.0, 0.88), (40.0, 0.0, 0.7), (0.0, 45.0, 0.6)]);
        assert_eq!(diverse(&gallery, &ranked, 3), [0, 3, 4]);
    }

    #[test]
    fn what_differs_but_is_poor_is_passed_over_too() {
        let (gallery, ranked) = set(&[(0.0, 0.0, 0.9), (30.0, 0.0, 0.8), (35.0, 0.0, 0.05)]);
        assert_eq!(diverse(&gallery, &ranked, 2), [0, 1]);
    }

    proptest! {
        #[test]
        fn the_best_is_always_in_and_nobody_twice(
            faces in prop::collection::vec((0.0f32..180.0, -60.0f32..60.0, 0.0f32..1.0), 1..20), count in 0usize..12,
        ) {
            let mut faces = faces;
            faces.sort_by(|a, b| b.2.total_cmp(&a.2));
            let (gallery, ranked) = set(&faces);
            let chosen = diverse(&gallery, &ranked, count);
            prop_assert_eq!(chosen.len(), count.min(faces.len()));
            prop_assert!(chosen.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(count == 0 || chosen[0] == 0);
        }
    }
}
