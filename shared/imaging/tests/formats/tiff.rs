//! TIFFs of many kinds, made by `scripts/python/make_tiff_fixtures.py`: Pillow's pixels, or the name of what
//! is not read.

use std::{fs, path::PathBuf};

use facesets_core::ImageLimits;
use facesets_imaging::{RgbImage, decode_upright, decoding_memory, worker_can_decode};

/// Kinds that show the picture of `rgb.png` without a loss, `grey.png`, or a picture of their own, each with
/// the largest difference.
const SAME: [(&str, &[&str], u8); 4] = [
    (
        "rgb",
        &[
            "raw",
            "big",
            "lzw",
            "lzw-predicted",
            "deflate-predicted",
            "packbits",
            "zstd",
            "alpha",
            "planar",
            "tiles",
            "big-endian-16",
            "deflate-16-predicted",
            "float",
            "float-predicted",
        ],
        0,
    ),
    ("grey", &["grey", "grey-alpha", "grey-16", "white-is-zero"], 0),
    ("bits-1", &["bits-1", "fax4"], 0),
    ("cmyk", &["cmyk", "cmyk-planar"], 1),
];

/// Kinds of which each has a PNG of its own, and by how many levels they may differ.
const OWN: [(&str, u8); 8] = [
    ("jpeg-ycbcr", 0),
    ("jpeg-tiles", 0),
    ("jpeg-6", 0),
    ("palette", 0),
    ("palette-4", 0),
    ("cmyk-jpeg", 1),
    ("bits-2", 0),
    ("bits-4", 0),
];

fn bytes(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/tiff").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn decoded(name: &str) -> RgbImage {
    decode_upright(&bytes(name), &ImageLimits::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn assert_close(kind: &str, reference: &str, allowed: u8) {
    let (ours, theirs) = (decoded(&format!("{kind}.tif")), decoded(&format!("{reference}.png")));
    assert_eq!(ours.dimensions(), theirs.dimensions(), "{kind}");
    let most = ours.iter().zip(theirs.iter()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(most <= Some(allowed), "{kind} differs by {most:?}");
}

#[test]
fn every_kind_has_the_pixels_that_pillow_reads() {
    for (reference, kinds, allowed) in SAME {
        for kind in kinds {
            assert_close(kind, reference, allowed);
        }
    }
    for (kind, allowed) in OWN {
        assert_close(kind, kind, allowed);
    }
    for kind in ["ycbcr", "ycbcr-raw"] {
        assert_close(kind, "ycbcr", 1);
    }
    // What it was made of: 8 bits of L*a*b* are that coarse. Pillow's own, by tables of LittleCMS, is up to
    // 15 levels off.
    for kind in ["lab", "icc-lab"] {
        assert_close(kind, "rgb", 5);
    }
}

#[test]
fn what_is_not_read_is_named() {
    for (name, expected) in [
        ("jpeg-2000.tif", "TIFF (compression 34712, JPEG 2000) images are not supported"),
        ("itu-lab.tif", "TIFF (photometric interpretation 10, ITU L*a*b*) images are not supported"),
    ] {
        let error = decode_upright(&bytes(name), &ImageLimits::default()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_picture_that_ends_in_the_middle_is_damaged_whatever_it_is_packed_with() {
    for name in
        ["raw", "lzw", "packbits", "zstd", "deflate-predicted", "jpeg-ycbcr", "planar", "ycbcr", "tiles"]
    {
        let whole = bytes(&format!("{name}.tif"));
        // The middle of the file is missing; the directory is there.
        let mut holed = whole.clone();
        holed[whole.len() / 4..whole.len() / 2].fill(0xFF);
        let holed = decode_upright(&holed, &ImageLimits::default());
        // In what is not packed nothing can be told.
        assert_eq!(
            holed.is_err(),
            !["raw", "planar", "tiles", "packbits"].contains(&name),
            "{name}: {holed:?}"
        );
        // The strips begin at the end of the file.
        let mut short = whole.clone();
        let offsets = tag_at(&whole, if name.contains("tiles") { 0x144 } else { 0x111 });
        let end = whole.len() as u32 - 4;
        short[offsets..offsets + 4].copy_from_slice(&end.to_le_bytes());
        assert!(decode_upright(&short, &ImageLimits::default()).is_err(), "{name}");
    }
}

/// Where the first number of a tag stands.
fn tag_at(tiff: &[u8], tag: u16) -> usize {
    let number = |at: usize| u32::from_le_bytes(*tiff[at..].first_chunk().unwrap()) as usize;
    let directory = number(4);
    let mut entries = (directory + 2..).step_by(12);
    let entry = entries.find(|entry| tiff[*entry..][..2] == tag.to_le_bytes()).unwrap();
    if number(entry + 4) == 1 { entry + 8 } else { number(entry + 8) }
}

#[test]
fn a_worker_is_sent_every_kind_and_knows_its_memory() {
    for name in ["raw.tif", "big.tif", "palette.tif", "jpeg-tiles.tif", "lab.tif"] {
        assert!(worker_can_decode(&bytes(name)), "{name}");
        let memory = decoding_memory(&bytes(name), &ImageLimits::default());
        assert!((3 * 45 * 34..=6 * 45 * 34).contains(&memory), "{name}: {memory}");
    }
}
