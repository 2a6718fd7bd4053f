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

/// A TIFF of 8 × 6 pixels in one strip that begins at byte 8, with further tags and a second directory.
fn developed(pixel: [u8; 3], tags: &[(u16, u32)], second: &[(u16, u32)]) -> Vec<u8> {
    let mut bytes = b"II*\0\0\0\0\0".to_vec();
    bytes.extend(pixel.repeat(48));
    let bits = bytes.len() as u32;
    bytes.extend([8, 0, 8, 0, 8, 0]);
    let first = bytes.len() as u32;
    bytes[4..8].copy_from_slice(&first.to_le_bytes());
    let own =
        [(0x100, 8), (0x101, 6), (0x103, 1), (0x106, 2), (0x111, 8), (0x115, 3), (0x116, 6), (0x117, 144)];
    let mut all: Vec<(u16, u32, u32)> =
        own.iter().chain(tags).map(|(tag, value)| (*tag, 1, *value)).collect();
    all.push((0x102, 3, bits));
    all.sort_unstable();
    let directory = |bytes: &mut Vec<u8>, entries: &[(u16, u32, u32)], next: u32| {
        bytes.extend((entries.len() as u16).to_le_bytes());
        for (tag, count, value) in entries {
            let kind: u16 = if *tag == 0x102 { 3 } else { 4 };
            bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
        }
        bytes.extend(next.to_le_bytes());
    };
    let next = first + 6 + 12 * all.len() as u32;
    directory(&mut bytes, &all, next);
    let second: Vec<(u16, u32, u32)> = second.iter().map(|(tag, value)| (*tag, 1, *value)).collect();
    directory(&mut bytes, &second, 0);
    bytes
}

#[test]
fn a_developed_picture_is_a_picture_whatever_was_copied_along() {
    let version = (0xC612, 0x0000_0401);
    for (name, tiff) in [
        ("with the version of DNG", developed([9, 8, 7], &[version], &[(0x100, 4), (0x101, 3)])),
        (
            "with a thumbnail",
            developed([9, 8, 7], &[version], &[(0xFE, 1), (0x103, 6), (0x201, 8), (0x202, 100)]),
        ),
        ("called reduced, of nothing", developed([9, 8, 7], &[version, (0xFE, 1)], &[])),
        ("grey like Phase One", developed(*b"III", &[], &[])),
        ("grey like Phase One the other way round", developed(*b"MMM", &[], &[])),
        ("beginning like Canon", developed(*b"CR\x02", &[], &[])),
        ("with smaller sensor data", developed([9, 8, 7], &[], &[(0x100, 4), (0x101, 3), (0x106, 32803)])),
    ] {
        assert!(worker_can_decode(&tiff), "{name}");
        let image =
            decode_upright(&tiff, &ImageLimits::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(image.dimensions(), (8, 6), "{name}");
    }
}

#[test]
fn a_small_picture_beside_sensor_data_is_a_raw_file() {
    let sensor = [(0x100, 4000), (0x101, 3000), (0x106, 32803)];
    let linear = [(0x100, 4000), (0x101, 3000), (0x106, 34892)];
    let same_size = [(0x100, 8), (0x101, 6), (0x106, 32803)];
    for (name, tiff) in [
        ("a mosaic", developed([9, 8, 7], &[], &sensor)),
        ("linear data", developed([9, 8, 7], &[], &linear)),
        ("a reduced picture", developed([9, 8, 7], &[(0xFE, 1)], &same_size)),
        (
            "parts that are cut off",
            developed([9, 8, 7], &[(0xC612, 0x0401), (0xFE, 1), (0x14A, 99_999)], &[]),
        ),
    ] {
        assert!(!worker_can_decode(&tiff), "{name}");
    }
}
