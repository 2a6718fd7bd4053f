//! The photos of a benchmark: read, drawn, brought to a size.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use facesets_core::ImageLimits;
use facesets_imaging::{DecodeError, PHOTO_EXTENSIONS, RgbImage, decode_upright, encode_jpeg};

use crate::{engine::self_test::picture, vision::resize_bilinear};

/// What cameras write, about.
const JPEG_QUALITY: u8 = 90;

/// Side of the drawn picture.
const DRAWN_SIDE: u32 = 1500;

/// Photos that cannot be measured with.
#[derive(Debug, thiserror::Error)]
pub enum PhotosError {
    /// Not readable.
    #[error("`{path}` cannot be read: {source}")]
    Read {
        /// File or folder.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// No photo in any of the folders.
    #[error("there is no photo in what was named")]
    None,
    /// Not decodable.
    #[error("a photo cannot be decoded: {0}")]
    Decode(#[from] DecodeError),
    /// Not encodable.
    #[error("a photo cannot be encoded: {0}")]
    Encode(String),
}

/// The photos at `paths` and in the folders among them, in the order of their names; a drawn picture if none
/// is named.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, PhotosError> {
    if paths.is_empty() {
        return Ok(vec![
            encode_jpeg(&picture(DRAWN_SIDE, false), JPEG_QUALITY).map_err(PhotosError::Encode)?,
        ]);
    }
    let mut files = Vec::new();
    for path in paths {
        add(path, &mut files).map_err(|source| unreadable(path, source))?;
    }
    let read = files.iter().map(|file| fs::read(file).map_err(|source| unreadable(file, source)));
    let photos = read.collect::<Result<Vec<_>, _>>()?;
    if photos.is_empty() { Err(PhotosError::None) } else { Ok(photos) }
}

/// The same pictures with so many million pixels each, with grain, as JPEG.
pub fn resized(photos: &[Vec<u8>], megapixels: u32) -> Result<Vec<Vec<u8>>, PhotosError> {
    let resized = photos.iter().map(|bytes| {
        let photo = decode_upright(bytes, &ImageLimits::default())?;
        let (width, height) = photo.dimensions();
        let factor = (f64::from(megapixels) * 1e6 / (f64::from(width) * f64::from(height))).sqrt();
        let side = |side: u32| ((f64::from(side) * factor).round() as u32).max(1);
        let photo = with_grain(resize_bilinear(&photo.into(), side(width), side(height)));
        encode_jpeg(&photo, JPEG_QUALITY).map_err(PhotosError::Encode)
    });
    resized.collect()
}

/// Noise of at most 24 levels, with which 12 million pixels take the 4 MB that cameras write: an enlarged
/// picture without it is so smooth that a decoder has hardly any work.
fn with_grain(mut photo: RgbImage) -> RgbImage {
    let mut state = 0x9E37_79B9_u32;
    for level in photo.iter_mut() {
        // Xorshift, of Marsaglia's first triple: the same grain every time.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *level = level.saturating_add((state >> 24) as u8 % 25).saturating_sub((state >> 16) as u8 % 25);
    }
    photo
}

fn add(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        if path.is_dir() || extension.is_some_and(|extension| PHOTO_EXTENSIONS.contains(&&*extension)) {
            add(&path, files)?;
        }
    }
    Ok(())
}

fn unreadable(path: &Path, source: io::Error) -> PhotosError {
    PhotosError::Read { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_photos_one_is_drawn_and_any_can_be_brought_to_a_size() {
        let drawn = read(&[]).unwrap();
        let large = resized(&drawn, 2).unwrap();
        let photo = decode_upright(&large[0], &ImageLimits::default()).unwrap();
        assert!((f64::from(photo.width() * photo.height()) / 2e6 - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_folder_without_photos_and_a_file_that_is_not_there_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read(&[folder.path().to_owned()]), Err(PhotosError::None)));
        let error = read(&[folder.path().join("gone.jpg")]).unwrap_err();
        assert!(error.to_string().contains("gone.jpg"), "{error}");
    }
}
