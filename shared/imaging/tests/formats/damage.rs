//! Damaged files: an error or an image within limits, never a panic, never more memory than allowed.

use facesets_core::ImageLimits;
use facesets_imaging::{DecodeError, camera_tags, decode_upright, worker_can_decode};
use proptest::prelude::*;

use crate::fixtures::fixture;

/// One of every container and codec; the small ones, so that damage meets something.
const NAMES: [&str; 17] = [
    "plain.heic",
    "odd.heic",
    "turned-grid.heic",
    "ten-bit.heic",
    "plain.avif",
    "turned-grid.avif",
    "ten-bit.avif",
    "grey.avif",
    "photo.dng",
    "photo.cr2",
    "photo.nef",
    "photo.arw",
    "photo.orf",
    "photo.rw2",
    "photo.raf",
    "photo.cr3",
    "dated.tif",
];

/// First bytes that lead into each parser.
const SIGNATURES: &[&[u8]] = &[
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
    b"IIU\0\x08\0\0\0",
    b"IIRO\x08\0\0\0",
    b"II*\0\x10\0\0\0CR\x02\0",
    b"FUJIFILMCCD-RAW ",
    b"\0\0\0\x10ftypheic\0\0\0\0",
    b"\0\0\0\x10ftypavif\0\0\0\0",
    b"\0\0\0\x10ftypcrx \0\0\0\0",
    b"\0MRM",
    b"FOVb",
];

#[test]
fn a_file_cut_in_its_image_data_is_damaged() {
    let heic: &[&str] =
        if cfg!(feature = "heif") { &["plain.heic", "turned-grid.heic", "ten-bit.heic"] } else { &[] };
    let avif: &[&str] =
        if cfg!(feature = "avif") { &["plain.avif", "turned-grid.avif", "grey.avif"] } else { &[] };
    let raw = ["photo.cr2", "photo.dng", "photo.raf", "photo.rw2"];
    for name in heic.iter().chain(avif).copied().chain(raw) {
        let bytes = fixture(name);
        let error = decode_upright(&bytes[..bytes.len() * 2 / 3], &ImageLimits::default()).unwrap_err();
        assert!(matches!(error, DecodeError::Damaged { .. }), "{name}: {error:?}");
    }
}

#[test]
fn every_beginning_of_a_file_is_survived() {
    for name in NAMES {
        let bytes = fixture(name);
        for length in (0..bytes.len()).step_by(37) {
            look_at(&bytes[..length]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn damage_anywhere_is_an_error_or_an_image_within_limits(
        name in proptest::sample::select(&NAMES[..]),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = fixture(name);
        for (at, in_head, value) in damage {
            // Half of it in the first kilobyte, where the containers keep their structure.
            let reach = if in_head { bytes.len().min(1024) } else { bytes.len() };
            let at = at.index(reach);
            bytes[at] = value;
        }
        look_at(&bytes);
    }

    #[test]
    fn anything_behind_a_signature_is_survived(
        signature in proptest::sample::select(SIGNATURES),
        rest in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        look_at(&[signature, &rest].concat());
    }
}

fn look_at(bytes: &[u8]) {
    let limits = ImageLimits { max_bytes: 1 << 20, max_pixels: 20_000 };
    if let Ok(image) = decode_upright(bytes, &limits) {
        assert!(u64::from(image.width()) * u64::from(image.height()) <= limits.max_pixels);
    }
    worker_can_decode(bytes);
    camera_tags(bytes);
}
