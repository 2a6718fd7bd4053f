//! Turning a face upright for the recogniser.

use facesets_core::face::Keypoints;

use super::Affine;

/// Side of `ArcFace`'s input in pixels, when the network does not say.
pub const ARCFACE_SIDE: u32 = 112;

/// Where `ArcFace` wants eyes, nose and mouth corners in a crop of 112 pixels: `arcface_dst` of
/// `InsightFace`'s `face_align`.
const TEMPLATE: [[f64; 2]; 5] =
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]];

/// The map from the photo to a `side` × `side` crop in which the keypoints lie as `ArcFace` wants them;
/// `None` when they coincide.
///
/// `side` is a multiple of 112, or of 128: then the template is moved right by 8/128 of it, as `InsightFace`
/// does.
pub fn align(keypoints: &Keypoints, side: u32) -> Option<Affine> {
    Affine::similarity(&keypoints.map(|point| point.map(f64::from)), &template(side))
}

fn template(side: u32) -> [[f64; 2]; 5] {
    let (ratio, shift) = if side.is_multiple_of(112) {
        (f64::from(side) / 112.0, 0.0)
    } else {
        let ratio = f64::from(side) / 128.0;
        (ratio, 8.0 * ratio)
    };
    TEMPLATE.map(|[x, y]| [x * ratio + shift, y * ratio])
}

#[cfg(test)]
mod tests {
    use facesets_imaging::{Rgb, RgbImage, Window};

    use super::*;
    use crate::vision::warp;

    #[test]
    fn a_face_that_lies_as_wanted_is_cut_out_unchanged() {
        let photo = RgbImage::from_fn(200, 200, |x, y| Rgb([(x * 3) as u8, (y * 7) as u8, 5]));
        let keypoints = TEMPLATE.map(|[x, y]| [x as f32 + 40.0, y as f32 + 30.0]);
        let crop = warp(&Window::of(&photo), &align(&keypoints, 112).unwrap(), 112);
        for (x, y, pixel) in crop.enumerate_pixels() {
            let expected = photo.get_pixel(x + 40, y + 30);
            assert!(pixel.0.iter().zip(expected.0).all(|(a, b)| a.abs_diff(b) <= 1), "{x}, {y}");
        }
    }

    #[test]
    fn keypoints_that_coincide_cannot_be_aligned() {
        assert_eq!(align(&[[4.0, 4.0]; 5], 112), None);
    }

    #[test]
    fn larger_inputs_scale_the_template() {
        assert_eq!(template(224)[0].map(f64::to_bits), [76.5892f64, 103.3926].map(f64::to_bits));
        assert!((template(128)[0][0] - 46.2946).abs() < 1e-9);
    }
}
