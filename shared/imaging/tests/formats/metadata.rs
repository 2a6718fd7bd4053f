//! EXIF wherever programs put it, and containers that are not as tidy as the standard has them.

use facesets_core::ImageLimits;
use facesets_imaging::{NotUnderstood, camera_tags, decode_upright, read_camera};

use crate::fixtures::{assert_upright, fixture};

/// The chunks of a WebP fixture, and the file of some of them with these flags.
fn webp(flags: impl Fn(u8) -> u8, change: impl Fn(&[u8; 4], &[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let sound = fixture("dated.webp");
    let mut bytes = b"RIFF\0\0\0\0WEBP".to_vec();
    let mut rest = &sound[12..];
    while let Some((name, behind)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*behind.first_chunk().unwrap()) as usize;
        let content = &behind[4..][..length];
        rest = &behind[4 + length + length % 2..];
        let Some(mut content) = change(name, content) else { continue };
        if name == b"VP8X" {
            content[0] = flags(content[0]);
        }
        bytes.extend(name);
        bytes.extend((content.len() as u32).to_le_bytes());
        bytes.extend(&content);
        bytes.extend(vec![0; content.len() % 2]);
    }
    let length = bytes.len() as u32 - 8;
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    bytes
}

fn assert_as(name: &str, bytes: &[u8], reference: &str) {
    let limits = ImageLimits::default();
    let image = decode_upright(bytes, &limits).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_upright(name, &image);
    assert_eq!(Ok(image), decode_upright(&fixture(reference), &limits), "{name}");
    assert_eq!(camera_tags(bytes), camera_tags(&fixture(reference)), "{name}");
    assert!(camera_tags(bytes).taken.is_some(), "{name}");
}

#[test]
fn exif_of_a_webp_is_read_with_the_prefix_and_without_its_flag() {
    let with_prefix = |name: &[u8; 4], content: &[u8]| {
        let prefix: &[u8] = if name == b"EXIF" { b"Exif\0\0" } else { b"" };
        Some([prefix, content].concat())
    };
    assert_as("prefix", &webp(|flags| flags, with_prefix), "dated.webp");
    assert_as("noflag", &webp(|flags| flags & !0x08, |_, content| Some(content.to_vec())), "dated.webp");
}

#[test]
fn a_webp_whose_header_promises_chunks_that_are_not_there_is_read() {
    let limits = ImageLimits::default();
    let flags = webp(|_| 0x2C, |name, content| (name != b"EXIF").then(|| content.to_vec()));
    let stored = webp(|_| 0, |name, content| (name != b"EXIF").then(|| content.to_vec()));
    assert_eq!(decode_upright(&flags, &limits).unwrap(), decode_upright(&stored, &limits).unwrap());
    let moving = webp(|flags| flags | 0x02, |_, content| Some(content.to_vec()));
    assert_as("moving", &moving, "dated.webp");
}

/// The PNG fixture with other chunks in place of `eXIf`; the first is given its content.
fn png(kind: [u8; 4], content: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let sound = fixture("dated.png");
    let mut bytes = sound[..8].to_vec();
    let mut rest = &sound[8..];
    while let Some(length) = rest.first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let (chunk, behind) = rest.split_at(length + 12);
        rest = behind;
        if &chunk[4..8] == b"eXIf" {
            let content = content(&chunk[8..8 + length]);
            let named = [&kind[..], &content].concat();
            bytes.extend((content.len() as u32).to_be_bytes());
            bytes.extend(&named);
            bytes.extend(crc32(&named).to_be_bytes());
        } else {
            bytes.extend(chunk);
        }
    }
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xEDB8_8320 & (!(crc & 1)).wrapping_add(1));
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

/// EXIF as `ImageMagick` writes it into texts.
fn raw_profile(exif: &[u8]) -> Vec<u8> {
    let digits: Vec<String> = exif
        .chunks(36)
        .map(|line| line.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().concat())
        .collect();
    format!("\nexif\n{:8}\n{}\n", exif.len(), digits.join("\n")).into_bytes()
}

fn packed(text: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

#[test]
fn exif_of_a_png_is_read_with_the_prefix_and_as_a_raw_profile() {
    let with_prefix = |exif: &[u8]| [b"Exif\0\0", exif].concat();
    assert_as("prefix", &png(*b"eXIf", with_prefix), "dated.png");
    let key = b"Raw profile type exif\0";
    let text = |exif: &[u8]| [&key[..], &raw_profile(exif)].concat();
    assert_as("tEXt", &png(*b"tEXt", text), "dated.png");
    let zipped = |exif: &[u8]| [&key[..], b"\0", &packed(&raw_profile(&with_prefix(exif)))].concat();
    assert_as("zTXt", &png(*b"zTXt", zipped), "dated.png");
    let international = |exif: &[u8]| [&key[..], b"\x01\0en\0key\0", &packed(&raw_profile(exif))].concat();
    assert_as("iTXt", &png(*b"iTXt", international), "dated.png");
    let app1 =
        |exif: &[u8]| [b"Raw profile type APP1\0\0", &packed(&raw_profile(&with_prefix(exif)))[..]].concat();
    assert_as("APP1", &png(*b"zTXt", app1), "dated.png");
}

#[test]
fn exif_that_cannot_be_read_is_told_and_exif_that_is_not_there_is_not() {
    let broken = png(*b"eXIf", |exif| [b"??", &exif[2..]].concat());
    assert_eq!(read_camera(&broken).not_understood, Some(NotUnderstood::Exif));
    let nowhere = webp(
        |flags| flags,
        |name, content| {
            let mut content = content.to_vec();
            if name == b"EXIF" {
                content[4..8].fill(0xEE);
            }
            Some(content)
        },
    );
    assert_eq!(read_camera(&nowhere).not_understood, Some(NotUnderstood::Exif));
    for name in ["plain.heic", "never-set.jpg", "plain.heic.png", "dated.tif", "turned.avif"] {
        assert_eq!(read_camera(&fixture(name)).not_understood, None, "{name}");
    }
    let mut strange = fixture("dated.jpg");
    while let Some(date) = strange.windows(4).position(|text| text == b"2019") {
        strange[date..date + 4].copy_from_slice(b"MMXX");
    }
    let reading = read_camera(&strange);
    let Some(NotUnderstood::Date(date)) = reading.not_understood else { panic!("{reading:?}") };
    assert!(date.starts_with("MMXX:05:04"), "{date}");
    assert_eq!(reading.tags.orientation, Some(6));
}

#[cfg(all(feature = "heif", feature = "avif"))]
#[test]
fn what_lies_behind_the_last_box_is_of_no_interest() {
    let film = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\x08free\0\0\0\x10mdatabcdefgh";
    let trailers: [&[u8]; 7] = [
        b"\0\0\x01\x0A\x0E\0\0\0MotionPhoto_AutoSEFH\x6B\0\0\0\x01\0\0\0SEFT",
        b"/>\n<x:xmpmeta>",
        b"/>\n<",
        &[0; 5],
        &[0; 600],
        &[0xFF; 9],
        film,
    ];
    for name in ["turned.heic", "turned-grid.heic", "turned.avif", "turned-grid.avif"] {
        for trailer in trailers {
            let bytes = [&fixture(name)[..], trailer].concat();
            assert_as(&format!("{name} with {:?}", trailer.escape_ascii().to_string()), &bytes, name);
        }
    }
}
