//! SCRFD's raw outputs to detections.

use facesets_core::face::Keypoints;

/// Pixels of the detector's input per grid cell, one grid each.
pub const STRIDES: [u32; 3] = [8, 16, 32];

/// Guesses the detector makes in every cell.
const ANCHORS: usize = 2;

/// One detection in pixels of the upright image, neither clamped nor checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// x1, y1, x2, y2.
    pub corners: [f32; 4],
    /// Confidence.
    pub score: f32,
    /// The five points.
    pub keypoints: Keypoints,
}

/// Outputs that are not those of an SCRFD detector with keypoints.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DetectorOutputError {
    /// Not three scores, three boxes and three keypoints.
    #[error("the detector has {0} outputs; an SCRFD detector with keypoints has 9")]
    Count(usize),
    /// A tensor of another size.
    #[error("output {index} of the detector has {found} values, not {expected}")]
    Length {
        /// Position among the outputs.
        index: usize,
        /// What the input size asks for.
        expected: usize,
        /// What it has.
        found: usize,
    },
}

/// Detections of at least `threshold`, strongest first (equals in the order of the grids).
///
/// `outputs`: scores, box distances and keypoint offsets, three grids of each, all in units of the stride
/// from the cell's top left corner; `side`: the detector's square input in pixels; `scale`: input pixels per
/// image pixel.
pub fn decode(
    outputs: &[&[f32]],
    side: u32,
    scale: f32,
    threshold: f32,
) -> Result<Vec<Detection>, DetectorOutputError> {
    if outputs.len() != 3 * STRIDES.len() {
        return Err(DetectorOutputError::Count(outputs.len()));
    }
    let mut found = Vec::new();
    for (grid, stride) in STRIDES.into_iter().enumerate() {
        let cells_across = (side / stride) as usize;
        let guesses = cells_across * cells_across * ANCHORS;
        let scores = checked(outputs, grid, guesses)?;
        let boxes = checked(outputs, grid + 3, guesses * 4)?.as_chunks::<4>().0;
        let points = checked(outputs, grid + 6, guesses * 10)?.as_chunks::<10>().0;
        for (i, score) in scores.iter().enumerate().filter(|(_, score)| **score >= threshold) {
            let cell = i / ANCHORS;
            let origin = [cell % cells_across, cell / cells_across].map(|at| at as f32 * stride as f32);
            found.push(guess(*score, boxes[i], &points[i], origin, stride as f32, scale));
        }
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(found)
}

fn guess(
    score: f32,
    [left, top, right, bottom]: [f32; 4],
    points: &[f32; 10],
    [x, y]: [f32; 2],
    stride: f32,
    scale: f32,
) -> Detection {
    let corners = [x - left * stride, y - top * stride, x + right * stride, y + bottom * stride];
    Detection {
        corners: corners.map(|v| v / scale),
        score,
        keypoints: std::array::from_fn(|i| {
            [(x + points[2 * i] * stride) / scale, (y + points[2 * i + 1] * stride) / scale]
        }),
    }
}

fn checked<'a>(
    outputs: &[&'a [f32]],
    index: usize,
    expected: usize,
) -> Result<&'a [f32], DetectorOutputError> {
    let output = outputs[index];
    if output.len() == expected {
        Ok(output)
    } else {
        Err(DetectorOutputError::Length { index, expected, found: output.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: u32 = 64;

    fn empty_outputs() -> Vec<Vec<f32>> {
        let guesses = |stride| ((SIDE / stride) as usize).pow(2) * ANCHORS;
        [1, 4, 10].iter().flat_map(|per| STRIDES.map(|stride| vec![0.0; guesses(stride) * per])).collect()
    }

    fn decode_all(outputs: &[Vec<f32>], scale: f32) -> Result<Vec<Detection>, DetectorOutputError> {
        decode(&outputs.iter().map(Vec::as_slice).collect::<Vec<_>>(), SIDE, scale, 0.5)
    }

    #[test]
    fn a_guess_is_measured_from_its_cells_corner_in_strides() {
        let mut outputs = empty_outputs();
        // Stride 16, 4 cells across: the second guess of the cell in column 3, row 2.
        let i = (2 * 4 + 3) * ANCHORS + 1;
        outputs[1][i] = 0.75;
        outputs[4][i * 4..][..4].copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
        outputs[7][i * 10..][..10].copy_from_slice(&[0.5, -0.5, 1.0, 0.0, 0.0, 1.0, 2.0, 2.0, -1.0, -1.0]);
        let expected = Detection {
            corners: [64.0, 0.0, 192.0, 192.0],
            score: 0.75,
            keypoints: [[112.0, 48.0], [128.0, 64.0], [96.0, 96.0], [160.0, 128.0], [64.0, 32.0]],
        };
        assert_eq!(decode_all(&outputs, 0.5), Ok(vec![expected]));
    }

    #[test]
    fn weak_guesses_are_dropped_and_the_rest_comes_strongest_first() {
        let mut outputs = empty_outputs();
        for (grid, at, score) in [(0, 5, 0.6), (0, 9, 0.49), (1, 0, 0.9), (2, 3, 0.5), (2, 7, f32::NAN)] {
            outputs[grid][at] = score;
        }
        let scores: Vec<f32> = decode_all(&outputs, 1.0).unwrap().iter().map(|found| found.score).collect();
        assert_eq!(scores, [0.9, 0.6, 0.5]);
    }

    #[test]
    fn equal_scores_keep_the_order_of_the_grids() {
        let mut outputs = empty_outputs();
        (outputs[0][2 * 9], outputs[0][2 * 3], outputs[2][0]) = (0.8, 0.8, 0.8);
        let x: Vec<f32> = decode_all(&outputs, 1.0).unwrap().iter().map(|found| found.corners[0]).collect();
        assert_eq!(x, [24.0, 8.0, 0.0]);
    }

    #[test]
    fn outputs_of_another_detector_are_refused() {
        let mut outputs = empty_outputs();
        outputs[4].pop();
        assert_eq!(
            decode_all(&outputs, 1.0),
            Err(DetectorOutputError::Length { index: 4, expected: 128, found: 127 })
        );
        assert_eq!(decode_all(&outputs[..6], 1.0), Err(DetectorOutputError::Count(6)));
    }
}
