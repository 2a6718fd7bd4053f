//! A bundle, a folder of crops or a single PNG, read the way the tools read them, with everything that they
//! would stumble over.
//!
//! Bundles may come from anywhere: what an entry says of its size is checked against what there is room for,
//! pixels are looked at only where the header promises those that are wanted, and nothing is written.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use facesets_base::{
    archive::{Archive, Member, UnpackLimit},
    file,
};
use facesets_core::Sha256Digest;
use tokio_util::sync::CancellationToken;

/// Most bytes of a crop; a PNG of 4096 × 4096 pixels of noise has fewer.
const MAX_CROP_BYTES: u64 = 64 << 20;

/// First bytes of a PNG: signature, length and name of the header.
const PNG_START: [u8; 16] = *b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

/// What is said of the colours of a PNG: 8 bits, red, green, blue.
const RGB_8: [u8; 2] = [8, 2];

/// Something with crops in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// What can be read as a crop, in the order of the bundle.
    pub crops: Vec<Crop>,
    /// What a consumer would stumble over: where, and what it is.
    pub faults: Vec<(String, String)>,
}

/// A PNG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crop {
    /// Its name in the bundle.
    pub name: String,
    /// Where its bytes are.
    pub place: CropBytes,
    /// Digest of its bytes.
    pub sha256: Sha256Digest,
    /// Number of its bytes.
    pub bytes: u64,
}

/// Where bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CropBytes {
    /// A file.
    File(PathBuf),
    /// A member of a zip file.
    Member(PathBuf, Box<Member>),
}

impl CropBytes {
    /// The bytes.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::File(path) => crop_bytes(path),
            Self::Member(path, member) => limited(member.read_from(path)?),
        }
    }
}

/// Reads a bundle whose crops should have `side` pixels on a side. An error means that it is no zip file at
/// all, or none of crops; one of kind `Interrupted`, that somebody asked to stop.
pub fn bundle(path: &Path, side: u32, stop: &CancellationToken) -> io::Result<Contents> {
    bundle_of(path, side, &BTreeSet::new(), stop)
}

/// The same for a bundle some of whose crops are `known` to be sound, which spares decoding them.
pub fn bundle_of(
    path: &Path,
    side: u32,
    known: &BTreeSet<Sha256Digest>,
    stop: &CancellationToken,
) -> io::Result<Contents> {
    let archive = Archive::open(path, UnpackLimit::FOR_CROPS, stop)?;
    let mut contents = Contents { crops: Vec::new(), faults: Vec::new() };
    for member in &archive.members {
        if stop.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let name = member.name.clone();
        let fault = if member.is_folder {
            Some("is a folder, which breaks the next load in roop-unleashed")
        } else if name.contains(['/', '\\']) {
            Some("is in a folder, where it is not looked for")
        } else if !is_png_name(&name) {
            Some("does not end in lowercase `.png` and is passed over")
        } else if member.is_encrypted {
            Some("is encrypted")
        } else if member.size > MAX_CROP_BYTES {
            Some("is larger than any crop")
        } else {
            None
        };
        if let Some(fault) = fault {
            contents.faults.push((name, fault.to_owned()));
            continue;
        }
        let bytes = archive.read(member).and_then(limited);
        let place = CropBytes::Member(path.to_owned(), Box::new(member.clone()));
        contents.take(name, place, bytes, side, known);
    }
    contents.demand_names_without_gaps();
    Ok(contents)
}

/// Reads the PNGs of a folder, as tools do that take a folder of images: whatever they are called, but hidden
/// files are none.
pub fn folder(path: &Path, side: u32, stop: &CancellationToken) -> io::Result<Contents> {
    let mut contents = Contents { crops: Vec::new(), faults: Vec::new() };
    for name in pngs(path)? {
        if stop.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let file = path.join(&name);
        let bytes = crop_bytes(&file);
        contents.take(name, CropBytes::File(file), bytes, side, &BTreeSet::new());
    }
    Ok(contents)
}

/// Names of the PNGs of a folder, in their order; hidden files are none.
pub fn pngs(path: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    let mut names: Vec<String> =
        entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| is_png_name(name) && !name.starts_with('.'));
    names.sort();
    Ok(names)
}

/// The bytes of a file that may be a crop.
pub fn crop_bytes(path: &Path) -> io::Result<Vec<u8>> {
    file::open(path).and_then(limited)
}

/// Reads a single PNG, whatever it is called.
pub fn file(path: &Path, side: u32) -> Contents {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let mut contents = Contents { crops: Vec::new(), faults: Vec::new() };
    let bytes = crop_bytes(path);
    contents.take(name, CropBytes::File(path.to_owned()), bytes, side, &BTreeSet::new());
    contents
}

impl Contents {
    fn take(
        &mut self,
        name: String,
        place: CropBytes,
        bytes: io::Result<Vec<u8>>,
        side: u32,
        known: &BTreeSet<Sha256Digest>,
    ) {
        match bytes.map_err(|error| format!("cannot be read: {error}")) {
            Ok(bytes) => {
                let sha256 = Sha256Digest::of(&bytes);
                if !known.contains(&sha256) {
                    self.faults.extend(png_fault(&bytes, side).map(|fault| (name.clone(), fault)));
                }
                self.crops.push(Crop { name, place, sha256, bytes: bytes.len() as u64 });
            }
            Err(fault) => self.faults.push((name, fault)),
        }
    }

    /// The first file gives thumbnail and mask, the others follow by name.
    fn demand_names_without_gaps(&mut self) {
        if self.crops.is_empty() {
            self.faults.push((String::new(), "holds no crop".to_owned()));
        }
        for (number, crop) in self.crops.iter().enumerate() {
            let expected = crop_name(number);
            if crop.name != expected {
                self.faults.push((crop.name.clone(), format!("should be called {expected}")));
                break;
            }
        }
    }
}

/// `0001.png` for the first crop.
pub fn crop_name(number: usize) -> String {
    format!("{:04}.png", number + 1)
}

/// What is wrong with the bytes of a crop.
fn png_fault(bytes: &[u8], side: u32) -> Option<String> {
    let Some(header) = bytes.strip_prefix(&PNG_START).filter(|header| header.len() > 10) else {
        return Some("is not a PNG".to_owned());
    };
    if header[8..10] != RGB_8 {
        return Some("is not 8-bit RGB".to_owned());
    }
    let number = |at: usize| header[at..at + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
    let (width, height) = (number(0), number(4));
    if (width, height) != (side, side) {
        return Some(format!("has {width} × {height} pixels, not {side}²"));
    }
    let decoded = image::load_from_memory_with_format(bytes, image::ImageFormat::Png);
    decoded.err().map(|error| format!("cannot be decoded: {error}"))
}

fn is_png_name(name: &str) -> bool {
    // Case matters to the consumers.
    name.as_bytes().ends_with(b".png")
}

fn limited(reader: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MAX_CROP_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_CROP_BYTES {
        return Err(io::Error::other("it is larger than any crop"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use image::{DynamicImage, ImageFormat};
    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn png(image: &DynamicImage) -> Vec<u8> {
        let mut bytes = io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn read(entries: &[(&str, Vec<u8>)]) -> Contents {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.fsz");
        let mut zip = ZipWriter::new(fs::File::create(&path).unwrap());
        for (name, bytes) in entries {
            if name.ends_with('/') {
                zip.add_directory(*name, SimpleFileOptions::default()).unwrap();
            } else {
                zip.start_file(*name, SimpleFileOptions::default()).unwrap();
                zip.write_all(bytes).unwrap();
            }
        }
        zip.finish().unwrap();
        bundle(&path, 16, &CancellationToken::new()).unwrap()
    }

    #[test]
    fn a_bundle_as_it_should_be_has_no_faults() {
        let crop = png(&DynamicImage::new_rgb8(16, 16));
        let contents = read(&[("0001.png", crop.clone()), ("0002.png", crop)]);
        assert_eq!(contents.faults, []);
        assert_eq!(contents.crops.len(), 2);
    }

    #[test]
    fn whatever_a_consumer_stumbles_over_is_named() {
        let good = png(&DynamicImage::new_rgb8(16, 16));
        let mut damaged = good.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        for (name, bytes, part) in [
            ("folder/", Vec::new(), "breaks the next load"),
            ("folder/0002.png", good.clone(), "in a folder"),
            ("0002.PNG", good.clone(), "lowercase"),
            ("0003.png", good.clone(), "should be called 0002.png"),
            ("0002.png", b"GIF89a".to_vec(), "not a PNG"),
            ("0002.png", damaged, "decoded"),
            ("0002.png", png(&DynamicImage::new_rgb16(16, 16)), "8-bit RGB"),
            ("0002.png", png(&DynamicImage::new_rgba8(16, 16)), "8-bit RGB"),
            ("0002.png", png(&DynamicImage::new_luma8(16, 16)), "8-bit RGB"),
            ("0002.png", png(&DynamicImage::new_rgb8(15, 16)), "15 × 16"),
        ] {
            let contents = read(&[("0001.png", good.clone()), (name, bytes)]);
            let [(what, fault)] = &contents.faults[..] else { panic!("{name}: {contents:?}") };
            assert!(what == name && fault.contains(part), "{name}: {contents:?}");
        }
        assert_eq!(read(&[]).faults, [(String::new(), "holds no crop".to_owned())]);
    }

    #[test]
    fn pixels_that_are_not_wanted_are_not_decoded() {
        // A header of 65535 × 65535 pixels, and nothing behind it that could be decoded.
        let mut bomb = png(&DynamicImage::new_rgb8(16, 16))[..33].to_vec();
        bomb[16..24].copy_from_slice(&[0, 0, 255, 255, 0, 0, 255, 255]);
        let contents = read(&[("0001.png", bomb)]);
        assert_eq!(
            contents.faults,
            [("0001.png".to_owned(), "has 65535 × 65535 pixels, not 16²".to_owned())]
        );
    }

    #[test]
    fn any_bytes_are_no_bundle_rather_than_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.fsz");
        for bytes in [&b""[..], b"PK\x03\x04", &[0xff; 100]] {
            fs::write(&path, bytes).unwrap();
            assert!(bundle(&path, 16, &CancellationToken::new()).is_err());
        }
    }
}
