//! Non-maximum suppression.

use super::Detection;

/// Keeps, from the strongest down, every detection that overlaps no kept one by more than `threshold` (a
/// share of their union).
///
/// `detections` come strongest first and stay in that order. Areas count pixels as `InsightFace` does: a box
/// from 3 to 5 is 3 pixels wide.
pub fn suppress(detections: Vec<Detection>, threshold: f32) -> Vec<Detection> {
    let mut kept: Vec<Detection> = Vec::new();
    for candidate in detections {
        // An overlap that is not a number counts as one, so the comparison must stay `<=`.
        if kept.iter().all(|strong| overlap(&strong.corners, &candidate.corners) <= threshold) {
            kept.push(candidate);
        }
    }
    kept
}

fn overlap(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let width = (a[2].min(b[2]) - a[0].max(b[0]) + 1.0).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1]) + 1.0).max(0.0);
    let intersection = width * height;
    intersection / (area(a) + area(b) - intersection)
}

fn area([x1, y1, x2, y2]: &[f32; 4]) -> f32 {
    (x2 - x1 + 1.0) * (y2 - y1 + 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn detection(corners: [f32; 4]) -> Detection {
        Detection { corners, score: 0.9, keypoints: [[0.0; 2]; 5] }
    }

    fn some_detections() -> impl Strategy<Value = Vec<Detection>> {
        let corners = (0.0f32..200.0, 0.0f32..200.0, 1.0f32..80.0, 1.0f32..80.0)
            .prop_map(|(x, y, w, h)| detection([x, y, x + w, y + h]));
        prop::collection::vec(corners, 0..40)
    }

    proptest! {
        #[test]
        fn what_is_kept_does_not_overlap_and_what_is_not_does(all in some_detections(), threshold in 0.05f32..1.0) {
            let kept = suppress(all.clone(), threshold);
            for (i, a) in kept.iter().enumerate() {
                for b in &kept[..i] {
                    prop_assert!(overlap(&a.corners, &b.corners) <= threshold);
                }
            }
            for lost in all.iter().filter(|one| !kept.contains(one)) {
                prop_assert!(kept.iter().any(|strong| overlap(&strong.corners, &lost.corners) > threshold));
            }
            prop_assert_eq!(kept.first(), all.first());
            prop_assert_eq!(suppress(kept.clone(), threshold), kept);
        }
    }

    #[test]
    fn pixels_are_counted_inclusively() {
        // 3 × 3 and 3 × 3 pixels that share one column of 3: 3 / 15.
        let pair = vec![detection([0.0, 0.0, 2.0, 2.0]), detection([2.0, 0.0, 4.0, 2.0])];
        assert_eq!(suppress(pair.clone(), 0.21).len(), 2);
        assert_eq!(suppress(pair, 0.19).len(), 1);
    }
}
