//! Crops as PNG files. Pure.
//!
//! Encoders look for what is there twice, which takes most of their time; in a filtered photo hardly anything is. So rows are predicted by one
//! of two filters and written byte by byte, each by a prefix code that fits its part of the picture. Of 25 photos cut to 512 × 512 pixels that
//! makes 360 kB a crop in 2.1 ms; zlib-rs at level 3 makes 371 kB in 8 ms, fdeflate 381 kB in 1.6 ms, OpenCV 421 kB in 7 ms.

mod deflate;
mod filter;
mod huffman;

use facesets_imaging::RgbImage;

/// First bytes of a PNG.
const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Of the header, behind width and height: 8 bits a sample; red, green, blue; deflate; the five filters; not interlaced.
const RGB_8: [u8; 5] = [8, 2, 0, 0, 0];

/// Equal pixels give equal bytes.
pub(crate) fn encode(image: &RgbImage) -> Vec<u8> {
    let [width, height] = [image.width(), image.height()].map(u32::to_be_bytes);
    let pixels = deflate::zlib(&filter::filtered(image.as_raw(), image.width() as usize));
    let mut bytes = Vec::with_capacity(pixels.len() + 64);
    bytes.extend_from_slice(&SIGNATURE);
    chunk(&mut bytes, *b"IHDR", &[&width[..], &height, &RGB_8].concat());
    chunk(&mut bytes, *b"IDAT", &pixels);
    chunk(&mut bytes, *b"IEND", &[]);
    bytes
}

fn chunk(bytes: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    bytes.extend_from_slice(&(content.len() as u32).to_be_bytes());
    let begin = bytes.len();
    bytes.extend_from_slice(&name);
    bytes.extend_from_slice(content);
    let checksum = crc32fast::hash(&bytes[begin..]);
    bytes.extend_from_slice(&checksum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use facesets_imaging::Rgb;
    use proptest::prelude::*;

    use super::*;

    fn decoded(png: &[u8]) -> RgbImage {
        image::load_from_memory_with_format(png, image::ImageFormat::Png).unwrap().into_rgb8()
    }

    /// A hash of a position: noise that has no pattern.
    fn noise(x: u32, y: u32) -> u8 {
        (x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35).to_be_bytes()[0]
    }

    proptest! {
        #[test]
        fn an_encoded_picture_has_its_pixels(width in 1u32..200, height in 1u32..200, grain in 0u8..=255, slope in 0u32..8) {
            let picture = RgbImage::from_fn(width, height, |x, y| {
                let level = |colour: u32| (slope * (x + colour * y)) as u8;
                let grain = |colour: u32| noise(3 * x + colour, y).checked_rem(grain).unwrap_or(0);
                Rgb([0, 1, 2].map(|colour| level(colour).wrapping_add(grain(colour))))
            });
            prop_assert!(decoded(&encode(&picture)) == picture);
        }
    }

    #[test]
    fn a_picture_of_one_colour_takes_hardly_any_bytes_and_noise_hardly_more_than_its_own() {
        let flat = RgbImage::from_pixel(512, 512, Rgb([200, 100, 50]));
        assert!(encode(&flat).len() < 5000, "{}", encode(&flat).len());
        let rough = RgbImage::from_fn(512, 512, |x, y| Rgb([0, 1, 2].map(|colour| noise(3 * x + colour, y))));
        let png = encode(&rough);
        assert!(png.len() < 3 * 512 * 512 * 101 / 100, "{}", png.len());
        assert!(decoded(&png) == rough);
    }
}
