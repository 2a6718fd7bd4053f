//! RAW files: the right one of the embedded JPEGs, standing upright.

use facesets_core::ImageLimits;
use facesets_imaging::{DecodeError, decode_upright, worker_can_decode};

use crate::fixtures::{assert_upright, decoded, fixture};

pub(crate) const NAMES: [&str; 8] =
    ["photo.dng", "photo.cr2", "photo.nef", "photo.arw", "photo.orf", "photo.rw2", "photo.raf", "photo.cr3"];

#[test]
fn the_largest_embedded_jpeg_is_decoded_and_turned_upright() {
    for name in NAMES {
        // 96 × 72 and not the thumbnail's 32 × 24, nor the sensor's "4096 × 8192" in lossless JPEG.
        assert_upright(name, &decoded(name));
    }
}

#[test]
fn a_raw_file_without_a_picture_says_so() {
    let error = decode_upright(&fixture("bare.dng"), &ImageLimits::default()).unwrap_err();
    assert_eq!(error.to_string(), "RAW (without an embedded JPEG) images are not supported");
}

#[test]
fn a_preview_above_the_limit_is_refused() {
    for name in NAMES {
        let limits = ImageLimits { max_pixels: 1000, ..ImageLimits::default() };
        let error = decode_upright(&fixture(name), &limits).unwrap_err();
        assert!(
            matches!(error, DecodeError::TooManyPixels { width: 72, height: 96, .. }),
            "{name}: {error:?}"
        );
    }
}

#[test]
fn a_worker_is_sent_no_raw_file_but_a_tiff_it_is() {
    assert!(NAMES.iter().all(|name| !worker_can_decode(&fixture(name))));
    assert!(worker_can_decode(&fixture("dated.tif")));
}
