//! What the camera says, read from a file without holding all of it.

use std::{
    io::{self, Read},
    path::Path,
    sync::{Mutex, PoisonError},
};

use facesets_base::file;
use facesets_core::ImageLimits;
use facesets_imaging::{CameraReading, read_camera};

/// Bytes from the beginning that are looked at first. A JPEG's tags lie within the first 64 KiB behind its
/// marker, and RAW files and phones keep theirs in front as well.
const HEAD_BYTES: usize = 512 * 1024;

/// Files beyond this are read whole one at a time: all threads together must not fill the memory.
const LARGE_BYTES: u64 = 16 << 20;

/// Whoever has a large file in memory.
static LARGE: Mutex<()> = Mutex::new(());

/// Passes a file through and keeps its beginning.
pub(super) struct HeadKeeper<R> {
    inner: R,
    head: Vec<u8>,
}

impl<R: Read> HeadKeeper<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, head: Vec::new() }
    }

    pub(super) fn into_head(self) -> Vec<u8> {
        self.head
    }
}

impl<R: Read> Read for HeadKeeper<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let room = HEAD_BYTES - self.head.len();
        self.head.extend_from_slice(&buffer[..read.min(room)]);
        Ok(read)
    }
}

/// What the camera says in a file.
pub(super) fn read(path: &Path) -> io::Result<CameraReading> {
    let file = file::open(path)?;
    let bytes = file.metadata.len();
    let mut head = Vec::with_capacity(bytes.min(HEAD_BYTES as u64) as usize);
    file.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    from_head(&head, bytes, path)
}

/// The same, for a file of which the beginning is here already. Where that says no date, the rest is read as
/// well, unless the format keeps its tags in front (JPEG) or the file is larger than any that is analysed.
pub(super) fn from_head(head: &[u8], bytes: u64, path: &Path) -> io::Result<CameraReading> {
    let reading = read_camera(head);
    let is_jpeg = head.starts_with(b"\xFF\xD8");
    let is_whole = bytes <= head.len() as u64;
    if reading.tags.taken.is_some() || is_jpeg || is_whole {
        return Ok(reading);
    }
    if bytes > ImageLimits::default().max_bytes {
        // Whether the rest could be read is not known.
        return Ok(CameraReading { not_understood: None, ..reading });
    }
    let _alone = (bytes > LARGE_BYTES).then(|| LARGE.lock().unwrap_or_else(PoisonError::into_inner));
    let mut whole = Vec::new();
    file::open(path)?.take(ImageLimits::default().max_bytes).read_to_end(&mut whole)?;
    Ok(read_camera(&whole))
}

#[cfg(test)]
mod tests {
    use facesets_imaging::CameraTags;

    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/formats/");
        std::fs::read(format!("{folder}{name}")).unwrap()
    }

    #[test]
    fn tags_behind_the_head_are_found_and_those_in_front_need_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photo");
        for (name, rest_is_read) in
            [("dated.jpg", false), ("dated.webp", true), ("dated.tif", true), ("turned.heic", true)]
        {
            let photo = fixture(name);
            std::fs::write(&path, &photo).unwrap();
            let whole = read_camera(&photo);
            assert!(whole.tags.taken.is_some());
            assert_eq!(read(&path).unwrap(), whole, "{name}");
            // As if the head were so short that it ends in front of the tags.
            let seen = from_head(&photo[..20], photo.len() as u64, &path).unwrap();
            assert_eq!(seen.tags.taken.is_some(), rest_is_read, "{name}");
        }
    }

    #[test]
    fn a_file_is_passed_through_and_its_beginning_kept() {
        let bytes: Vec<u8> = (0..HEAD_BYTES + 1000).map(|i| (i / 255) as u8).collect();
        let mut keeper = HeadKeeper::new(&bytes[..]);
        let mut out = Vec::new();
        keeper.read_to_end(&mut out).unwrap();
        assert!(out == bytes && keeper.into_head() == bytes[..HEAD_BYTES]);
    }

    #[test]
    fn damaged_tags_are_told_and_fail_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photo.jpg");
        let mut photo = fixture("dated.jpg");
        let exif = photo.windows(4).position(|bytes| bytes == b"Exif").unwrap();
        photo[exif + 6..exif + 200].fill(0xFF);
        std::fs::write(&path, photo).unwrap();
        let reading = read(&path).unwrap();
        assert_eq!(reading.tags, CameraTags::default());
        assert_eq!(reading.not_understood.unwrap().to_string(), "its EXIF cannot be read");
    }
}
