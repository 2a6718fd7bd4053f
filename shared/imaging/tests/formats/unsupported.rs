//! Formats that are recognised and not decoded: each says its name.

use facesets_core::ImageLimits;
use facesets_imaging::decode_upright;

use crate::fixtures::fixture;

#[test]
fn avif_is_unsupported_by_name() {
    for name in ["plain.avif", "turned-grid.avif", "ten-bit.avif"] {
        let error = decode_upright(&fixture(name), &ImageLimits::default()).unwrap_err();
        assert_eq!(error.to_string(), "AVIF images are not supported", "{name}");
    }
}

#[cfg(not(feature = "heif"))]
#[test]
fn heic_is_unsupported_by_name_in_a_build_without_it() {
    let error = decode_upright(&fixture("plain.heic"), &ImageLimits::default()).unwrap_err();
    assert_eq!(error.to_string(), "HEIC images are not supported");
}
