//! What a photo shows, whatever its tags say: a digest of its decoded pixels.

use facesets_core::{PIXEL_DIGEST_VERSION, PixelDigest};
use twox_hash::XxHash3_128;

/// The digest of `pixels` in one of the layouts of [`PixelDigest`], whose definition this is.
pub(crate) fn digest(layout: u8, (width, height): (u32, u32), pixels: &[u8]) -> PixelDigest {
    let mut hasher = XxHash3_128::new();
    hasher.write(&[layout]);
    hasher.write(&width.to_le_bytes());
    hasher.write(&height.to_le_bytes());
    hasher.write(pixels);
    PixelDigest { version: PIXEL_DIGEST_VERSION, digest: hasher.finish_128().to_be_bytes() }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use facesets_core::ImageLimits;
    use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
    use proptest::prelude::*;
    use turbojpeg::{Image, PixelFormat, Subsamp};

    use super::*;
    use crate::{decode_photo_in, encode_jpeg};

    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([(x * 7) as u8, (y * 11) as u8, (x * y) as u8]))
    }

    fn of(file: &[u8]) -> PixelDigest {
        of_in(Vec::new(), file)
    }

    fn of_in(memory: Vec<u8>, file: &[u8]) -> PixelDigest {
        decode_photo_in(memory, file, &ImageLimits::default()).unwrap().pixel_digest()
    }

    fn encoded(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        DynamicImage::ImageRgb8(image.clone()).write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    /// The file with an EXIF segment: a program's name of this length, and an orientation where one is given.
    fn tagged(jpeg: &[u8], software: &str, orientation: Option<u8>) -> Vec<u8> {
        let entries = 1 + u8::from(orientation.is_some());
        let after = 8 + 2 + 12 * u32::from(entries) + 4;
        let mut tiff = b"II*\0\x08\0\0\0".to_vec();
        tiff.extend([entries, 0]);
        if let Some(orientation) = orientation {
            tiff.extend([0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
        }
        tiff.extend([0x31, 1, 2, 0]);
        tiff.extend((software.len() as u32).to_le_bytes());
        tiff.extend(after.to_le_bytes());
        tiff.extend([0; 4]);
        tiff.extend(software.as_bytes());
        let mut segment = vec![0xFF, 0xE1];
        segment.extend((2 + 6 + tiff.len() as u16).to_be_bytes());
        segment.extend(b"Exif\0\0");
        segment.extend(tiff);
        [&jpeg[..2], &segment, &jpeg[2..]].concat()
    }

    #[test]
    fn a_file_whose_tags_were_rewritten_shows_the_same_and_one_that_was_turned_or_changed_does_not() {
        let jpeg = encode_jpeg(&picture(64, 48), 90).unwrap();
        let original = of(&jpeg);
        for same in [tagged(&jpeg, "organiser", None), tagged(&jpeg, "another organiser", Some(1))] {
            assert_eq!(of(&same), original);
        }
        let turned = of(&tagged(&jpeg, "organiser", Some(6)));
        assert_eq!(of(&tagged(&jpeg, "another organiser", Some(6))), turned);
        let mut changed = picture(64, 48);
        changed.put_pixel(63, 47, Rgb([200, 0, 0]));
        let others = [
            turned,
            of(&tagged(&jpeg, "organiser", Some(3))),
            of(&encode_jpeg(&picture(64, 48), 89).unwrap()),
            of(&encode_jpeg(&changed, 90).unwrap()),
            of(&encoded(&picture(64, 48), ImageFormat::Png)),
        ];
        for (at, other) in others.iter().enumerate() {
            assert!(*other != original && !others[..at].contains(other), "{at}");
        }
    }

    #[test]
    fn lossless_files_of_one_picture_have_one_digest() {
        let digests = [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP, ImageFormat::Tiff]
            .map(|format| of(&encoded(&picture(13, 9), format)));
        assert!(digests.iter().all(|digest| *digest == digests[0]));
        let turned_by_hand = RgbImage::from_fn(9, 13, |x, y| *picture(13, 9).get_pixel(y, x));
        assert_ne!(of(&encoded(&turned_by_hand, ImageFormat::Png)), digests[0]);
    }

    #[test]
    fn the_definition_stays_what_it_is() {
        // From the reference implementation (`xxhsum -H2` of the bytes of the definition).
        let digest = digest(0, (2, 1), &[1, 2, 3, 4, 5, 6]);
        let expected = 0xfa06_c417_e759_3df8_a88c_f6ca_ae42_5b6c_u128.to_be_bytes();
        assert_eq!((digest.version, digest.digest), (1, expected));
    }

    proptest! {
        #[test]
        fn what_lay_in_the_memory_before_is_not_in_the_digest(
            (width, height) in (5usize..40, 1usize..40),
            subsamp in prop::sample::select(vec![Subsamp::None, Subsamp::Sub2x1, Subsamp::Sub2x2, Subsamp::Gray]),
            filling in any::<u8>(),
        ) {
            let image = picture(width as u32, height as u32);
            let pixels = &image.as_raw()[..];
            let image = Image { pixels, width, pitch: 3 * width, height, format: PixelFormat::RGB };
            let jpeg = turbojpeg::compress(image, 80, subsamp).unwrap();
            prop_assert_eq!(of_in(vec![filling; 10_000], &jpeg), of(&jpeg));
        }
    }

    #[test]
    #[should_panic(expected = "some rows")]
    fn a_photo_of_which_only_some_rows_are_there_has_no_digest() {
        let jpeg = encode_jpeg(&picture(64, 160), 90).unwrap();
        crate::decode_rows_in(Vec::new(), &jpeg, &ImageLimits::default(), 40).unwrap().pixel_digest();
    }
}
