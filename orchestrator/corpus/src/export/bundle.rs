//! `.fsz` bundles: flat zip files of crops, as roop-unleashed loads them.
//!
//! Its loader takes only top-level files that end in lowercase `.png` and stumbles over directory entries, so
//! there are none. Entries have fixed times and permissions and are stored, not compressed (PNG is): equal
//! crops give equal bytes.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use facesets_core::Sha256Digest;
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use super::manifest::BundleRecord;
use crate::certificate::consumer::crop_name;

/// Writes the bundle `file` of `crops`, all relative to the folder `home` of a set of which nobody looks at
/// the crops now.
pub fn write_recorded(home: &Path, file: String, crops: Vec<String>) -> io::Result<BundleRecord> {
    let path = home.join(&file);
    write(&path, &crops.iter().map(|crop| home.join(crop)).collect::<Vec<_>>())?;
    let (sha256, _) = Sha256Digest::of_reader(File::open(&path)?)?;
    Ok(BundleRecord { file, sha256: sha256.to_string(), crops, effective_identity_cosine: None })
}

/// Writes crops into a new bundle at `path`, in that order, as `0001.png`, `0002.png`, …
pub fn write(path: &Path, crops: &[PathBuf]) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(BufWriter::new(File::create_new(path)?));
    for (number, crop) in crops.iter().enumerate() {
        zip.start_file(crop_name(number), options)?;
        io::copy(&mut File::open(crop)?, &mut zip)?;
    }
    zip.finish()?.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_flat_ordered_and_the_same_every_time() {
        let folder = tempfile::tempdir().unwrap();
        let crops = ["0001.png", "0007.png"].map(|name| folder.path().join(name));
        for crop in &crops {
            std::fs::write(crop, format!("pixels of {}", crop.display())).unwrap();
        }
        let (a, b) = (folder.path().join("a.fsz"), folder.path().join("b.fsz"));
        write(&a, &crops).unwrap();
        write(&b, &crops).unwrap();
        assert_eq!(std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap());

        let mut zip = zip::ZipArchive::new(File::open(&a).unwrap()).unwrap();
        let entries: Vec<String> =
            (0..zip.len()).map(|i| zip.by_index(i).unwrap().name().unwrap().into_owned()).collect();
        assert_eq!(entries, ["0001.png", "0002.png"]);
        assert!(io::read_to_string(zip.by_index(1).unwrap()).unwrap().ends_with("0007.png"));
    }
}
