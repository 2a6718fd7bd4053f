//! Fixtures that `scripts/python/make_format_fixtures.py` made.

use std::{fs, path::PathBuf};

use facesets_core::ImageLimits;
use facesets_imaging::{RgbImage, decode_upright};

/// Width and height of the picture that nearly all of them show.
pub(crate) const UPRIGHT: (u32, u32) = (96, 72);

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/formats").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn decoded(name: &str) -> RgbImage {
    decode_upright(&fixture(name), &ImageLimits::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Panics unless the picture stands upright: red and green above, blue and yellow below.
pub(crate) fn assert_upright(name: &str, image: &RgbImage) {
    assert_eq!(image.dimensions(), UPRIGHT, "{name}");
    let corners = [
        ((4, 4), [230, 20, 20]),
        ((91, 4), [20, 200, 20]),
        ((4, 67), [20, 20, 230]),
        ((91, 67), [230, 220, 20]),
    ];
    for ((x, y), expected) in corners {
        let found = image.get_pixel(x, y).0;
        let close = found.iter().zip(expected).all(|(found, expected)| found.abs_diff(expected) < 24);
        assert!(close, "{name}: {found:?} at {x}, {y} instead of {expected:?}");
    }
}
