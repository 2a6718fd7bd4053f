//! When photos were taken, in every format that says so.

use facesets_imaging::{capture_time, exif_orientation};

use crate::{fixtures::fixture, raw};

#[test]
fn the_capture_time_is_read_from_every_format() {
    let pictures = ["dated.jpg", "dated.png", "dated.webp", "dated.tif"];
    let phones = ["turned.heic", "turned-grid.heic", "turned.avif", "turned-grid.avif"];
    for name in pictures.into_iter().chain(phones).chain(raw::NAMES) {
        let taken = capture_time(&fixture(name)).unwrap_or_else(|| panic!("{name} has no date"));
        assert_eq!(taken.to_string(), "2019-05-04T13:07:59+02:00", "{name}");
    }
}

#[test]
fn no_date_or_one_that_does_not_exist_is_none() {
    for name in ["never-set.jpg", "plain.heic", "plain.avif", "plain.heic.png", "bare.dng"] {
        assert_eq!(capture_time(&fixture(name)), None, "{name}");
    }
    assert_eq!(capture_time(b"no photo"), None);
}

#[test]
fn the_orientation_is_read_from_every_format() {
    let pictures = ["dated.jpg", "dated.png", "dated.webp", "dated.tif"];
    for name in pictures.into_iter().chain(raw::NAMES) {
        assert_eq!(exif_orientation(&fixture(name)), Some(6), "{name}");
    }
}
