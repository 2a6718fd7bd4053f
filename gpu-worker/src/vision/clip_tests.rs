//! Preparing photos for CLIP, against what Pillow makes of the same pictures
//! (`scripts/python/make_clip_fixtures.py`).

use std::collections::BTreeMap;

use facesets_core::Sha256Digest;
use facesets_imaging::Rgb;
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Fixtures {
    inputs: BTreeMap<usize, [f32; 3]>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    width: u32,
    height: u32,
    sha256: String,
    rows: BTreeMap<usize, String>,
}

fn fixtures() -> Fixtures {
    serde_json::from_str(include_str!("../../../tests/fixtures/clip/preprocessing.json")).unwrap()
}

/// Noise, gradients and hard edges: the formula of the generator.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(std::array::from_fn(|channel| {
            let c = channel as u32;
            match (x / 24 + y / 24) % 3 {
                0 => {
                    let mut word = x.wrapping_mul(0x9E37_79B1)
                        ^ y.wrapping_mul(0x85EB_CA6B)
                        ^ (c + 1).wrapping_mul(0xC2B2_AE35);
                    word ^= word >> 15;
                    word = word.wrapping_mul(0x2C1B_3C6D);
                    (word ^ (word >> 12)) as u8
                }
                1 => (x * 3 + y * 5 + c * 40) as u8,
                _ => ((x / 6 + y / 10) % 2 * 255) as u8,
            }
        }))
    })
}

fn levels(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn every_pixel_is_the_one_of_pillow() {
    for case in fixtures().cases {
        let crop = clip_crop(&picture(case.width, case.height));
        let row_len = CLIP_SIDE as usize * 3;
        for (row, expected) in case.rows {
            let got = &crop.as_raw()[row * row_len..][..row_len];
            let expected = levels(&expected);
            let furthest = got.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
            assert_eq!(furthest, Some(0), "row {row} of {} × {}", case.width, case.height);
        }
        let digest = Sha256Digest::of(crop.as_raw()).to_string();
        assert_eq!(digest, case.sha256, "{} × {}", case.width, case.height);
    }
}

#[test]
fn levels_become_the_inputs_that_numpy_computes() {
    for (level, expected) in fixtures().inputs {
        let mut batch = vec![7.0];
        append_clip(&mut batch, &RgbImage::from_pixel(2, 1, Rgb([level as u8; 3])));
        let [r, g, b] = expected;
        for (got, expected) in batch.iter().zip([7.0, r, r, g, g, b, b]) {
            assert!((got - expected).abs() <= 1e-6, "{got} {expected}");
        }
        assert_eq!(batch.len(), 7);
    }
}

#[test]
fn a_line_of_five_million_pixels_costs_no_more_than_its_middle() {
    const HALF: u32 = 2_500_000;
    let line = RgbImage::from_fn(2 * HALF, 1, |x, _| Rgb([if x < HALF { 0 } else { 200 }; 3]));
    let crop = clip_crop(&line);
    // Enlarged 224 times, the crop goes from the centre of the last dark pixel to that of the first bright
    // one.
    let row: Vec<u8> = (0..CLIP_SIDE).map(|x| crop.get_pixel(x, 100)[0]).collect();
    assert!(row.is_sorted(), "{row:?}");
    assert_eq!((row[0], row[223]), (0, 200));
}

proptest! {
    #[test]
    fn one_colour_stays_what_it_is(width in 1u32..400, height in 1u32..400, colour in any::<[u8; 3]>()) {
        let crop = clip_crop(&RgbImage::from_pixel(width, height, Rgb(colour)));
        prop_assert!(crop.pixels().all(|pixel| pixel.0 == colour));
    }
}
