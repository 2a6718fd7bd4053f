//! What a build without the features says (the worker's, when it is built alone).

#[cfg(not(all(feature = "heif", feature = "avif")))]
use crate::fixtures::fixture;

#[cfg(not(feature = "heif"))]
#[test]
fn heic_is_unsupported_by_name() {
    let error =
        facesets_imaging::decode_upright(&fixture("plain.heic"), &facesets_core::ImageLimits::default());
    assert_eq!(error.unwrap_err().to_string(), "HEIC images are not supported");
}

#[cfg(not(feature = "avif"))]
#[test]
fn avif_is_unsupported_by_name() {
    let error =
        facesets_imaging::decode_upright(&fixture("plain.avif"), &facesets_core::ImageLimits::default());
    assert_eq!(error.unwrap_err().to_string(), "AVIF images are not supported");
}
