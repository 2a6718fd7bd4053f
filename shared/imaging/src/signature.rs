//! Whether a file is worth reading as a photo, by its first bytes.

use image::ImageFormat;

use crate::format::{self, Format};

/// So many bytes from the beginning of a file are enough for [`begins_as_a_photo`]: the brands of HEIC and
/// AVIF take most.
pub const SIGNATURE_BYTES: usize = 256;

/// Extensions, lowercase and without the dot, of pictures that no decoder is here for.
pub const UNREAD_EXTENSIONS: &[&str] =
    &["jxl", "jp2", "j2k", "jpf", "jpx", "jxr", "wdp", "psd", "psb", "xcf", "heics", "avifs"];

/// Does a file with this beginning hold a format that [`crate::decode_upright`] reads? Says nothing about
/// damage.
pub fn begins_as_a_photo(head: &[u8]) -> bool {
    match format::of(head) {
        Some(Format::Picture(ImageFormat::Bmp)) => is_bmp(head),
        Some(Format::Picture(format)) => matches!(
            format,
            ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP | ImageFormat::Tiff | ImageFormat::Gif
        ),
        Some(Format::Heic | Format::Avif | Format::Raw) => true,
        None => false,
    }
}

/// Two letters alone are the beginning of many texts: the sizes of the header must be those of a BMP too.
/// Source: `BITMAPFILEHEADER` and the sizes of the headers that may follow it, Microsoft's reference of GDI.
fn is_bmp(head: &[u8]) -> bool {
    let Some((size, _)) = head.get(14..).and_then(|rest| rest.split_first_chunk()) else { return false };
    head[6..10] == [0; 4] && matches!(u32::from_le_bytes(*size), 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PHOTO_EXTENSIONS;

    #[test]
    fn photos_are_told_by_their_beginning() {
        let mut bmp = b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
        for head in [
            b"\xFF\xD8\xFF\xE1\0\x10Exif".as_slice(),
            b"\x89PNG\r\n\x1a\n\0\0\0\x0DIHDR",
            b"GIF89a\x01\0",
            b"RIFF\x10\0\0\0WEBPVP8 ",
            b"II*\0\x08\0\0\0",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            b"\0\0\0\x14ftypavif\0\0\0\0mif1",
            b"FUJIFILMCCD-RAW 0201",
            &bmp,
        ] {
            assert!(begins_as_a_photo(head), "{head:?}");
        }
        bmp[14] = b'u';
        for head in [
            b"".as_slice(),
            b"BMW and other cars: a list",
            b"\0\0\0\x14ftypisom\0\0\0\0mp42",
            b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
            b"{\"title\": \"IMG_1.jpg\"}",
            b"%PDF-1.7",
            b"P5 640 480 255 ",
            b"8BPS\0\x01",
            b"\0\x05\x16\x07\0\x02\0\0Mac OS X",
            b"SQLite format 3\0",
            &bmp,
        ] {
            assert!(!begins_as_a_photo(head), "{head:?}");
        }
    }

    #[test]
    fn no_extension_is_both_read_and_not() {
        assert!(UNREAD_EXTENSIONS.iter().all(|extension| !PHOTO_EXTENSIONS.contains(extension)));
    }
}
