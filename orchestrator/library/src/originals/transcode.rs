//! Photos in formats that workers do not read, as PNG.

use std::sync::{Mutex, PoisonError};

use facesets_core::{
    ImageLimits,
    wire::{Encoded, Origin},
};
use facesets_imaging::{RgbImage, decode_upright, decoding_memory, worker_can_decode};
use image::{
    ExtendedColorType, ImageEncoder as _, ImageResult,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};

/// Photos that take more memory than this are decoded one at a time: 59 megapixels, which few have.
const LARGE_BYTES: u64 = 512 << 20;

/// Whoever decodes a large one.
static LARGE: Mutex<()> = Mutex::new(());

/// What to send for a photo: its own bytes where a worker reads them, else its upright pixels as PNG, which
/// loses nothing.
///
/// How large its file may be was looked at before; what is bounded here is its pixels. What cannot be decoded
/// is sent as it is: the worker refuses it with the reason, as it does any other such file.
pub(super) fn for_worker(photo: Vec<u8>) -> Encoded {
    if worker_can_decode(&photo) {
        return photo.into();
    }
    let limits = ImageLimits { max_bytes: u64::MAX, ..ImageLimits::default() };
    let alone = decoding_memory(&photo, &limits) > LARGE_BYTES;
    let _alone = alone.then(|| LARGE.lock().unwrap_or_else(PoisonError::into_inner));
    let transcoded = decode_upright(&photo, &limits).ok().and_then(|image| png(&image).ok());
    tracing::debug!(from = photo.len(), to = transcoded.as_ref().map(Vec::len), "transcoded");
    match transcoded {
        Some(png) => Encoded { data: png.into(), origin: Origin::Transcoded },
        None => photo.into(),
    }
}

/// Fast rather than small: it is on its way once.
fn png(image: &RgbImage) -> ImageResult<Vec<u8>> {
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Up).write_image(
        image.as_raw(),
        image.width(),
        image.height(),
        ExtendedColorType::Rgb8,
    )?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/formats/");
        std::fs::read(format!("{folder}{name}")).unwrap()
    }

    #[test]
    fn a_phones_photo_is_sent_as_its_upright_pixels() {
        for name in ["turned.heic", "turned-grid.avif", "ten-bit.avif", "photo.dng"] {
            let photo = fixture(name);
            let sent = for_worker(photo.clone());
            assert_eq!(sent.origin, Origin::Transcoded, "{name}");
            assert!(worker_can_decode(&sent.data), "{name}");
            let limits = ImageLimits::default();
            assert_eq!(decode_upright(&sent.data, &limits), decode_upright(&photo, &limits), "{name}");
        }
    }

    #[test]
    fn what_a_worker_reads_and_what_nobody_reads_are_sent_as_they_are() {
        let mut cut = fixture("plain.avif");
        cut.truncate(cut.len() / 2);
        for photo in [b"\x89PNG\r\n\x1a\nbroken".to_vec(), b"dear diary".to_vec(), cut] {
            assert_eq!(for_worker(photo.clone()), Encoded::from(photo));
        }
    }
}
