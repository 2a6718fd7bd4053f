//! JPEGs with harmless oddities have the pixels that they have without them; what is cut off is found behind
//! any number of these.

use facesets_core::ImageLimits;
use facesets_imaging::{RgbImage, camera_tags, decode_rows_in, decode_upright, decoding_memory};

use crate::fixtures::{UPRIGHT, fixture};

type Oddity = (&'static str, fn(&[u8]) -> Vec<u8>);

/// Where the first scan's header begins.
fn scan(jpeg: &[u8]) -> usize {
    jpeg.windows(2).position(|pair| pair == b"\xFF\xDA").unwrap()
}

/// Puts bytes in front of every marker of the kind.
fn before(jpeg: &[u8], marker: u8, stray: &[u8]) -> Vec<u8> {
    let begin = if marker == 0xC4 { 2 } else { scan(jpeg) + 2 };
    let mut bytes = jpeg[..begin].to_vec();
    for (index, byte) in jpeg.iter().enumerate().skip(begin) {
        if *byte == 0xFF && jpeg.get(index + 1) == Some(&marker) {
            bytes.extend(stray);
        }
        bytes.push(*byte);
    }
    bytes
}

fn samsung_scan(jpeg: &[u8]) -> Vec<u8> {
    let mut bytes = jpeg.to_vec();
    let end = scan(jpeg) + 2 + usize::from(u16::from_be_bytes([jpeg[scan(jpeg) + 2], jpeg[scan(jpeg) + 3]]));
    bytes[end - 2] = 0; // Se
    bytes
}

fn other_jfif(jpeg: &[u8]) -> Vec<u8> {
    let mut bytes = jpeg.to_vec();
    let jfif = jpeg.windows(5).position(|bytes| bytes == b"JFIF\0").unwrap();
    bytes[jfif + 5..jfif + 7].copy_from_slice(&[2, 1]);
    bytes
}

fn unknown_adobe(jpeg: &[u8]) -> Vec<u8> {
    let mut bytes = jpeg.to_vec();
    bytes.splice(2..2, *b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0\x07");
    bytes
}

fn broken_profile(jpeg: &[u8]) -> Vec<u8> {
    let mut bytes = jpeg.to_vec();
    // The second of three parts, and no other.
    bytes.splice(2..2, *b"\xFF\xE2\0\x14ICC_PROFILE\0\x02\x03abcd");
    bytes
}

fn stray_between_segments(jpeg: &[u8]) -> Vec<u8> {
    before(jpeg, 0xC4, b"\0\0\0")
}

fn stray_before_the_end(jpeg: &[u8]) -> Vec<u8> {
    before(jpeg, 0xD9, b"\0\0\0\0\0\0\0\0\0\0\0\0")
}

fn no_end_but_a_trailer(jpeg: &[u8]) -> Vec<u8> {
    let mut bytes = jpeg[..jpeg.len() - 2].to_vec();
    bytes.extend(b"\0\0\x01\x0AMotionPhoto\xFF\xD8\xFF\xE1\0\x05abcSEFH\x6B\0\0\0SEFT");
    bytes
}

const HARMLESS: [Oddity; 8] = [
    ("samsung_scan", samsung_scan),
    ("other_jfif", other_jfif),
    ("unknown_adobe", unknown_adobe),
    ("broken_profile", broken_profile),
    ("stray_between_segments", stray_between_segments),
    ("stray_before_the_end", stray_before_the_end),
    ("no_end_but_a_trailer", no_end_but_a_trailer),
    ("all_of_them", |jpeg| {
        let odd = broken_profile(&unknown_adobe(&other_jfif(&samsung_scan(jpeg))));
        no_end_but_a_trailer(&stray_between_segments(&odd))
    }),
];

fn decoded(jpeg: &[u8]) -> Result<RgbImage, String> {
    decode_upright(jpeg, &ImageLimits::default()).map_err(|error| error.to_string())
}

/// The first rows, through the way that crops take.
fn first_rows(jpeg: &[u8], rows: u32) -> Result<Vec<u8>, String> {
    let photo = decode_rows_in(Vec::new(), jpeg, &ImageLimits::default(), rows);
    let photo = photo.map_err(|error| error.to_string())?;
    let mut lines = photo.rows();
    Ok((0..rows as usize).flat_map(|y| lines.get(y).to_vec()).collect())
}

#[test]
fn harmless_oddities_change_no_pixel() {
    for name in ["restarts.jpg", "never-set.jpg"] {
        let sound = fixture(name);
        let expected = decoded(&sound).unwrap();
        for (oddity, make) in HARMLESS {
            let odd = make(&sound);
            assert_ne!(odd, sound, "{oddity} of {name}");
            assert_eq!(decoded(&odd).as_ref(), Ok(&expected), "{oddity} of {name}");
            assert_eq!(first_rows(&odd, 24), first_rows(&sound, 24), "{oddity} of {name}");
            assert_eq!(camera_tags(&odd), camera_tags(&sound), "{oddity} of {name}");
            let limits = ImageLimits::default();
            assert_eq!(
                decoding_memory(&odd, &limits),
                decoding_memory(&sound, &limits),
                "{oddity} of {name}"
            );
        }
    }
}

#[test]
fn a_picture_that_is_cut_off_is_damaged_behind_any_oddity() {
    for name in ["restarts.jpg", "never-set.jpg", "progressive.jpg"] {
        let sound = fixture(name);
        for (oddity, make) in HARMLESS {
            let odd = make(&sound);
            let cut = &odd[..scan(&odd) + (odd.len() - scan(&odd)) / 3];
            assert!(decoded(cut).is_err(), "{oddity} of {name}");
            assert!(first_rows(cut, UPRIGHT.1).is_err(), "{oddity} of {name}");
            // Nor does an end marker help.
            let ended = [cut, b"\xFF\xD9"].concat();
            assert!(decoded(&ended).is_err(), "{oddity} of {name}");
        }
    }
}

#[test]
fn stray_bytes_before_restart_markers_are_harmless_and_hide_nothing() {
    let sound = fixture("restarts.jpg");
    let expected = decoded(&sound).unwrap();
    for stray in [&b"\0\0"[..], b"\x12", b"\0\xFF\0\0\0\0\0\0\0\0\0\0\0\0"] {
        let mut odd = sound.clone();
        for marker in 0xD0..=0xD7 {
            odd = before(&odd, marker, stray);
        }
        assert_eq!(decoded(&odd).as_ref(), Ok(&expected));
        assert_eq!(first_rows(&odd, 40), first_rows(&sound, 40));
        for third in [1, 2] {
            let cut = &odd[..scan(&odd) + third * (odd.len() - scan(&odd)) / 3];
            assert!(decoded(cut).is_err());
            assert!(first_rows(cut, UPRIGHT.1).is_err());
            // Whoever needs what is there gets it.
            assert_eq!(first_rows(cut, 4), first_rows(&sound, 4));
        }
        // A piece whose codes end early, though all markers are there: four units want more than four bytes.
        let at = |marker: &[u8; 2]| odd.windows(2).position(|pair| pair == marker).unwrap();
        let mut short = odd.clone();
        short.drain(at(b"\xFF\xD0") + 6..at(b"\xFF\xD1") - stray.len());
        assert!(decoded(&short).is_err());
        assert!(first_rows(&short, UPRIGHT.1).is_err());
    }
}

#[test]
fn stray_bytes_between_scans_are_harmless_and_hide_nothing() {
    let sound = fixture("progressive.jpg");
    let expected = decoded(&sound).unwrap();
    for stray in [&b"\0"[..], b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"] {
        let odd = before(&sound, 0xDA, stray);
        assert!(odd.len() > sound.len());
        assert_eq!(decoded(&odd).as_ref(), Ok(&expected));
        let cut = &odd[..scan(&odd) + (odd.len() - scan(&odd)) / 3];
        assert!(decoded(cut).is_err());
    }
}
