//! Taking known files out of a downloaded archive.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use facesets_core::Sha256Digest;

use super::{CatalogueFile, FetchError};

/// Writes every one of `files` from the zip `archive` into `folder`, each compared with its size and digest,
/// and returns them. One of an optional role that the archive does not hold as it should be is left out.
///
/// Only the names in `files` are ever written; the archive's own paths decide nothing.
pub(super) fn unpack<'a>(
    archive: &Path,
    files: &'a [CatalogueFile],
    folder: &Path,
) -> Result<Vec<&'a CatalogueFile>, FetchError> {
    let broken = |reason: String| FetchError::Archive { path: archive.to_owned(), reason };
    let reader = File::open(archive).map_err(|error| broken(error.to_string()))?;
    let mut zip = zip::ZipArchive::new(reader).map_err(|error| broken(error.to_string()))?;
    let mut taken = Vec::new();
    for wanted in files {
        let Some(name) = find(&zip, &wanted.file) else {
            if wanted.role.is_optional() {
                continue;
            }
            return Err(broken(format!("it does not hold `{}`", wanted.file)));
        };
        let entry = zip.by_name(&name).map_err(|error| broken(error.to_string()))?;
        let path = folder.join(&wanted.file);
        let (sha256, bytes) = write(entry.take(wanted.bytes + 1), &path).map_err(disk(&path))?;
        if (bytes, sha256) != (wanted.bytes, wanted.sha256) {
            if wanted.role.is_optional() {
                fs::remove_file(&path).map_err(disk(&path))?;
                continue;
            }
            return Err(broken(format!(
                "its `{}` has sha256 `{sha256}`, expected `{}`",
                wanted.file, wanted.sha256
            )));
        }
        taken.push(wanted);
    }
    Ok(taken)
}

fn disk(path: &Path) -> impl FnOnce(io::Error) -> FetchError {
    let path = path.to_owned();
    move |source| FetchError::Disk { path, source }
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
