//! What a file is, by its content alone: names lie, and Immich hands out bytes.

use image::ImageFormat;

use crate::{raw, tiff::directory::Tiff};

/// Extensions, lowercase and without the dot, of files that are worth opening when a folder is scanned. Only
/// a hint for scanning: what a file is, its content decides.
pub const PHOTO_EXTENSIONS: &[&str] = &[
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "bmp", "dib", "gif", // pictures
    "heic", "heif", "hif", "avif", // phones
    "dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "sr2", "srf", "orf", "rw2", "raf", "pef", "srw", "3fr",
    "fff", "iiq", "erf", "mef", "mos", "mrw", "kdc", "dcr", "rwl", "x3f", // cameras' RAW files
];

/// Brands of ISO base media files that hold AV1 pictures (`avif`, `avis`), and HEVC ones or any (`heic` …,
/// `mif1`). Source: ISO/IEC 23008-12, annex B; the AVIF specification, section 6.
const AVIF_BRANDS: [&[u8; 4]; 2] = [b"avif", b"avis"];
const HEIF_BRANDS: [&[u8; 4]; 9] =
    [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1"];

/// A recognised format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One that the `image` crate names; not all of them are decoded.
    Picture(ImageFormat),
    Heic,
    Avif,
    Raw,
}

/// The format by the first bytes, for TIFF also by its directories (most RAW files are TIFF files).
pub(crate) fn of(bytes: &[u8]) -> Option<Format> {
    if raw::is_raw(bytes) {
        return Some(Format::Raw);
    }
    if Tiff::parse(bytes).is_some() {
        return Some(Format::Picture(ImageFormat::Tiff));
    }
    media_brand(bytes).or_else(|| image::guess_format(bytes).ok().map(Format::Picture))
}

/// Can a worker decode these bytes? Workers read JPEG, PNG, WebP, TIFF, BMP and GIF, whatever they were built
/// with; anything else has to be decoded here and sent as one of these. Says nothing about damage.
pub fn worker_can_decode(bytes: &[u8]) -> bool {
    matches!(
        of(bytes),
        Some(Format::Picture(
            ImageFormat::Jpeg
                | ImageFormat::Png
                | ImageFormat::WebP
                | ImageFormat::Tiff
                | ImageFormat::Bmp
                | ImageFormat::Gif
        ))
    )
}

/// The major brand decides, then the compatible ones: files of the general brand `mif1` say there what is in
/// them.
fn media_brand(bytes: &[u8]) -> Option<Format> {
    let size = u32::from_be_bytes(*bytes.first_chunk()?) as usize;
    let header = bytes.get(..size).unwrap_or(bytes);
    let brands = header.strip_prefix(header.first_chunk::<4>()?)?.strip_prefix(b"ftyp")?.as_chunks::<4>().0;
    let (major, compatible) = (brands.first()?, brands.get(2..).unwrap_or_default());
    let is_avif = |brand: &[u8; 4]| AVIF_BRANDS.contains(&brand);
    let is_heif = |brand: &[u8; 4]| HEIF_BRANDS.contains(&brand);
    let general = [b"mif1", b"mif2", b"msf1"].contains(&major);
    if is_avif(major) || ((general || !is_heif(major)) && compatible.iter().any(is_avif)) {
        return Some(Format::Avif);
    }
    (is_heif(major) || compatible.iter().any(is_heif)).then_some(Format::Heic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brands_decide_between_heic_and_avif() {
        let brands = |all: &[u8]| [&(all.len() as u32 + 8).to_be_bytes(), b"ftyp".as_slice(), all].concat();
        assert_eq!(of(&brands(b"heic\0\0\0\0mif1heic")), Some(Format::Heic));
        assert_eq!(of(&brands(b"mif1\0\0\0\0mif1heicmiaf")), Some(Format::Heic));
        assert_eq!(of(&brands(b"mif1\0\0\0\0mif1avifmiaf")), Some(Format::Avif));
        assert_eq!(of(&brands(b"avif\0\0\0\0mif1miaf")), Some(Format::Avif));
        assert_eq!(of(&brands(b"crx \0\0\0\x01crx isom")), Some(Format::Raw));
        assert_eq!(of(&brands(b"isom\0\0\0\0isommp42")), None);
    }

    #[test]
    fn a_worker_is_not_sent_what_it_cannot_decode() {
        assert!(worker_can_decode(b"\xFF\xD8\xFF\xE0\0\x10JFIF"));
        assert!(worker_can_decode(b"II*\0\x08\0\0\0\0\0\0\0\0\0"));
        assert!(worker_can_decode(b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0"));
        assert!(!worker_can_decode(b"\0\0\0\x14ftypheic\0\0\0\0mif1"));
        assert!(!worker_can_decode(b"II*\0\x10\0\0\0CR\x02\0"));
        assert!(!worker_can_decode(b"FUJIFILMCCD-RAW 0201"));
        assert!(!worker_can_decode(b"no photo"));
    }

    #[test]
    fn extensions_are_lowercase_and_unique() {
        let mut all = PHOTO_EXTENSIONS.to_vec();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), PHOTO_EXTENSIONS.len());
        assert!(
            all.iter()
                .all(|extension| extension.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
        );
    }
}
