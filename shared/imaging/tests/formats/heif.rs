//! HEIC and AVIF: the pixels of libheif and of libavif, standing upright, within limits.

use facesets_core::ImageLimits;
use facesets_imaging::{DecodeError, RgbImage, camera_tags, decode_upright, worker_can_decode};

use crate::fixtures::{assert_upright, decoded, fixture};

/// Names of all fixtures that exist as HEIC and as AVIF.
const NAMES: [&str; 12] = [
    "plain",
    "odd",
    "full-chroma",
    "limited",
    "bt709",
    "ten-bit",
    "grey",
    "alpha",
    "grid",
    "mirrored",
    "turned",
    "turned-grid",
];

/// Largest and mean difference between the samples of a file and of the reference beside it.
fn difference(name: &str) -> (u8, f64) {
    let (ours, reference): (RgbImage, RgbImage) = (decoded(name), decoded(&format!("{name}.png")));
    assert_eq!(ours.dimensions(), reference.dimensions(), "{name}");
    let levels = || ours.iter().zip(reference.iter()).map(|(a, b)| a.abs_diff(*b));
    let total: u64 = levels().map(u64::from).sum();
    (levels().max().unwrap_or(0), total as f64 / ours.len() as f64)
}

#[test]
fn heic_has_the_pixels_of_libheif() {
    for name in NAMES {
        let (level, mean) = difference(&format!("{name}.heic"));
        // Measured: equal, but for 4:4:4 (mean 0.04) and limited range (0.50), which libheif converts in
        // floating point.
        let allowed = if ["full-chroma", "limited"].contains(&name) { (1, 0.55) } else { (0, 0.0) };
        assert!(level <= allowed.0 && mean <= allowed.1, "{name}: max {level}, mean {mean:.4}");
    }
}

#[test]
fn avif_has_the_pixels_of_libavif_within_rounding() {
    for name in NAMES {
        let (level, mean) = difference(&format!("{name}.avif"));
        // Measured: at most 2, mean at most 0.21; libyuv keeps 6 bits behind the point, and these 8.
        assert!(level <= 2 && mean <= 0.25, "{name}: max {level}, mean {mean:.4}");
    }
}

#[test]
fn the_rotation_of_the_container_counts_and_exif_is_not_applied_again() {
    for name in ["plain", "grid", "mirrored", "turned", "turned-grid"] {
        for kind in ["heic", "avif"] {
            let name = format!("{name}.{kind}");
            assert_upright(&name, &decoded(&name));
        }
    }
    // Had EXIF been applied as well, this one would lie on its side.
    assert_eq!(camera_tags(&fixture("turned-grid.heic")).orientation, Some(8));
}

#[test]
fn an_announced_size_above_the_limit_is_refused_before_decoding() {
    for name in ["plain.heic", "grid.heic", "plain.avif", "grid.avif"] {
        let limits = ImageLimits { max_pixels: 1000, ..ImageLimits::default() };
        let error = decode_upright(&fixture(name), &limits).unwrap_err();
        assert!(matches!(error, DecodeError::TooManyPixels { max_pixels: 1000, .. }), "{name}: {error:?}");
    }
}

#[test]
fn a_coded_image_larger_than_announced_does_not_get_around_the_limit() {
    for name in ["plain.heic", "plain.avif"] {
        let mut bytes = fixture(name);
        let ispe = bytes.windows(4).position(|kind| kind == b"ispe").unwrap();
        bytes[ispe + 8..ispe + 16].copy_from_slice(&[0, 0, 0, 4, 0, 0, 0, 4]);
        let limits = ImageLimits { max_pixels: 1000, ..ImageLimits::default() };
        decode_upright(&bytes, &limits).unwrap_err();
    }
}

#[test]
fn a_worker_is_sent_none_of_them() {
    for name in NAMES {
        for kind in ["heic", "avif"] {
            assert!(!worker_can_decode(&fixture(&format!("{name}.{kind}"))), "{name}.{kind}");
        }
    }
}
