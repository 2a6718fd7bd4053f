//! When photos were taken, in every format that says so.

use facesets_imaging::camera_tags;

use crate::{fixtures::fixture, raw};

#[test]
fn the_capture_time_is_read_from_every_format() {
    let pictures = ["dated.jpg", "dated.png", "dated.webp", "dated.tif"];
    let phones = ["turned.heic", "turned-grid.heic", "turned.avif", "turned-grid.avif"];
    for name in pictures.into_iter().chain(phones).chain(raw::NAMES) {
        let taken = camera_tags(&fixture(name)).taken.unwrap_or_else(|| panic!("{name} has no date"));
        assert_eq!(taken.to_string(), "2019-05-04T13:07:59+02:00", "{name}");
    }
}

#[test]
fn no_date_or_one_that_does_not_exist_is_none() {
    for name in ["never-set.jpg", "plain.heic", "plain.avif", "plain.heic.png", "bare.dng"] {
        assert_eq!(camera_tags(&fixture(name)).taken, None, "{name}");
    }
    assert_eq!(camera_tags(b"no photo").taken, None);
}

#[test]
fn the_orientation_is_read_from_every_format() {
    let pictures = ["dated.jpg", "dated.png", "dated.webp", "dated.tif"];
    for name in pictures.into_iter().chain(raw::NAMES) {
        assert_eq!(camera_tags(&fixture(name)).orientation, Some(6), "{name}");
    }
}

#[test]
fn the_beginning_of_a_jpeg_is_enough() {
    let photo = fixture("dated.jpg");
    assert_eq!(camera_tags(&photo[..photo.len() / 2]), camera_tags(&photo));
}
