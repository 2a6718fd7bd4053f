//! Taking known files out of a downloaded archive.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use facesets_core::Sha256Digest;

use super::{CatalogueFile, FetchError};

/// Writes every one of `files` from the zip `archive` into `folder`, each compared with its size and digest.
///
/// Only the names in `files` are ever written; the archive's own paths decide nothing.
pub(super) fn unpack(archive: &Path, files: &[CatalogueFile], folder: &Path) -> Result<(), FetchError> {
    let broken = |reason: String| FetchError::Archive { path: archive.to_owned(), reason };
    let reader = File::open(archive).map_err(|error| broken(error.to_string()))?;
    let mut zip = zip::ZipArchive::new(reader).map_err(|error| broken(error.to_string()))?;
    for wanted in files {
        let name =
            find(&zip, &wanted.file).ok_or_else(|| broken(format!("it does not hold `{}`", wanted.file)))?;
        let entry = zip.by_name(&name).map_err(|error| broken(error.to_string()))?;
        let path = folder.join(&wanted.file);
        let (sha256, bytes) =
            write(entry.take(wanted.bytes + 1), &path).map_err(|source| FetchError::Disk { path, source })?;
        if (bytes, sha256) != (wanted.bytes, wanted.sha256) {
            return Err(broken(format!(
                "its `{}` has sha256 `{sha256}`, expected `{}`",
                wanted.file, wanted.sha256
            )));
        }
    }
    Ok(())
}

/// The entry whose last component is `file`, at the top or in a folder.
fn find<R: io::Read + io::Seek>(zip: &zip::ZipArchive<R>, file: &str) -> Option<String> {
    let mut names = zip.file_names().filter_map(Result::ok);
    names.find(|name| name.rsplit('/').next() == Some(file)).map(std::borrow::Cow::into_owned)
}

fn write(mut from: impl io::Read, path: &PathBuf) -> io::Result<(Sha256Digest, u64)> {
    let mut file = File::create_new(path)?;
    io::copy(&mut from, &mut file)?;
    file.sync_all()?;
    // Read back: what is compared is what is on disk.
    Sha256Digest::of_reader(File::open(path)?)
}
