//! Files that only their owner may read, written whole or not at all.
//!
//! On Unix the mode says so. On Windows they are as open as the folder that they lie in: the user's own
//! profile, which others cannot read unless an administrator has opened it.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use tempfile::NamedTempFile;

use super::TrustError;

pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> TrustError + '_ {
    move |source| TrustError::Io { path: path.to_owned(), source }
}

/// Makes a folder that only its owner may enter, with those above it. One that is there stays as it is.
pub(super) fn make_folder(path: &Path) -> Result<(), TrustError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(at(path))
}

/// The text of a file, if it is there.
pub(super) fn read(path: &Path) -> Result<Option<String>, TrustError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

/// The same of a file with a secret in it, which nobody else must be able to read.
pub(super) fn read_private(path: &Path) -> Result<Option<String>, TrustError> {
    let text = read(path)?;
    if text.is_some() && is_exposed(path)? {
        return Err(TrustError::Exposed(path.to_owned()));
    }
    Ok(text)
}

#[cfg(unix)]
fn is_exposed(path: &Path) -> Result<bool, TrustError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = fs::metadata(path).map_err(at(path))?;
    Ok(metadata.permissions().mode() & 0o077 != 0)
}

/// Nobody has looked at what the profile's access list says.
#[cfg(not(unix))]
fn is_exposed(_: &Path) -> Result<bool, TrustError> {
    Ok(false)
}

/// Writes aside (a temporary file is its owner's alone), syncs, renames.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), TrustError> {
    let write = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        #[cfg(unix)]
        fs::File::open(folder)?.sync_all()?;
        Ok(())
    };
    write().map_err(at(path))
}
