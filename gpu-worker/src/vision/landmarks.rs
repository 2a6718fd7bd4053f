//! The upright crop for the landmark networks and that for gender and age, and landmarks back in the photo.

use facesets_core::{
    BBox,
    face::{LANDMARKS_68, LANDMARKS_106},
    geometry::PixelRect,
};
use facesets_imaging::{RgbImage, Window};

use super::{Affine, warp};

/// Side of the input of the network for gender and age (`InsightFace`'s genderage.onnx).
pub const GENDER_AGE_SIDE: u32 = 96;

/// How much more than the box's long side the crop shows.
const MARGIN: f32 = 1.5;

/// A square about a face, upright, from which landmarks are read, or gender and age.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LandmarkCrop {
    to_crop: Affine,
    to_photo: Affine,
    side: u32,
}

/// A network's answer of another length.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the {model}-point model gave {found} values")]
pub struct PointCountError {
    model: usize,
    found: usize,
}

impl LandmarkCrop {
    /// The crop about `bbox` for a network whose input is `side` × `side`; `None` if the box is too vast to
    /// be shrunk to it.
    ///
    /// In `f32` until the map, as numpy computes it.
    pub fn about(bbox: &BBox, side: u32) -> Option<Self> {
        let scale = side as f32 / (bbox.long_side() * MARGIN);
        let [x, y] = bbox.centre();
        let (half, factor) = (f64::from(side) / 2.0, f64::from(scale));
        let shift = |centre: f32| half - f64::from(centre * scale);
        let to_crop = Affine([[factor, 0.0, shift(x)], [0.0, factor, shift(y)]]);
        Some(Self { to_crop, to_photo: to_crop.inverse()?, side })
    }

    /// The pixels of a photo of width × height that the crop shows; see [`Affine::reach`].
    pub fn reach(&self, size: [u32; 2]) -> Option<PixelRect> {
        self.to_crop.reach(self.side, size)
    }

    /// The pixels.
    pub fn cut(&self, photo: &Window<'_>) -> RgbImage {
        warp(photo, &self.to_crop, self.side)
    }

    /// The 106 points x, y in pixels of the photo. `raw`: x, y pairs in [−1, 1] across the crop.
    pub fn points_106(&self, raw: &[f32]) -> Result<Vec<[f32; 2]>, PointCountError> {
        if raw.len() != LANDMARKS_106 * 2 {
            return Err(PointCountError { model: LANDMARKS_106, found: raw.len() });
        }
        Ok(raw.as_chunks::<2>().0.iter().map(|[x, y]| self.placed(*x, *y)).collect())
    }

    /// The 68 points x, y, z in pixels of the photo, z relative. `raw`: x, y, z triples in [−1, 1] across the
    /// crop, of which the last 68 are the landmarks (the network gives a dense mesh before them).
    pub fn points_68(&self, raw: &[f32]) -> Result<Vec<[f32; 3]>, PointCountError> {
        let (points, rest) = raw.as_chunks::<3>();
        let Some(first) = points.len().checked_sub(LANDMARKS_68).filter(|_| rest.is_empty()) else {
            return Err(PointCountError { model: LANDMARKS_68, found: raw.len() });
        };
        let [[a, b, _], _] = self.to_photo.0;
        let depth = a.hypot(b);
        let placed = points[first..].iter().map(|[x, y, z]| {
            let [x, y] = self.placed(*x, *y);
            [x, y, (f64::from(z * self.half()) * depth) as f32]
        });
        Ok(placed.collect())
    }

    fn half(&self) -> f32 {
        (self.side / 2) as f32
    }

    fn placed(&self, x: f32, y: f32) -> [f32; 2] {
        self.to_photo.apply([x, y].map(|v| f64::from((v + 1.0) * self.half()))).map(|v| v as f32)
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "powers of two: the numbers are exact")]
mod tests {
    use super::*;

    fn crop() -> LandmarkCrop {
        // 64 × 32 about (132, 116): the crop shows 96 pixels, twice enlarged.
        LandmarkCrop::about(&BBox::new([100.0, 100.0, 164.0, 132.0]).unwrap(), 192).unwrap()
    }

    #[test]
    fn the_middle_of_the_crop_is_the_middle_of_the_box_and_its_edge_is_half_again_as_far() {
        let mut raw = vec![0.0; 212];
        raw[2..4].copy_from_slice(&[-1.0, 1.0]);
        let points = crop().points_106(&raw).unwrap();
        assert_eq!(points[0], [132.0, 116.0]);
        assert_eq!(points[1], [84.0, 164.0]);
    }

    #[test]
    fn of_a_mesh_the_last_68_points_count_and_depth_has_the_photos_scale() {
        let mut raw = vec![0.5; 1103 * 3];
        raw[(1103 - 68) * 3..][..3].copy_from_slice(&[0.0, 0.0, 1.0]);
        let points = crop().points_68(&raw).unwrap();
        assert_eq!(points.len(), 68);
        assert_eq!(points[0], [132.0, 116.0, 48.0]);
        assert_eq!(points[67], [156.0, 140.0, 24.0]);
    }

    #[test]
    fn the_crop_is_centred_on_the_box() {
        let photo = RgbImage::from_fn(300, 300, |x, y| {
            facesets_imaging::Rgb([if x.abs_diff(132) < 3 && y.abs_diff(116) < 3 { 255 } else { 0 }; 3])
        });
        let pixels = crop().cut(&Window::of(&photo));
        assert_eq!(pixels.dimensions(), (192, 192));
        assert_eq!(pixels.get_pixel(96, 96)[0], 255);
        assert_eq!(pixels.get_pixel(120, 96)[0], 0);
    }

    #[test]
    fn a_box_that_no_crop_can_show_has_none() {
        let vast = BBox::new([-3e38, 0.0, 3e38, 1.0]).unwrap();
        assert_eq!(LandmarkCrop::about(&vast, 192), None);
    }

    #[test]
    fn answers_of_another_length_are_refused() {
        assert!(crop().points_106(&[0.0; 210]).is_err());
        for len in [67 * 3, 68 * 3 + 1] {
            assert!(crop().points_68(&vec![0.0; len]).is_err());
        }
    }
}
