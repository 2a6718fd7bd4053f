//! Second names for files and folders that go from an earlier set to a new one.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::ApplyError;

/// A second name for a file that nobody ever changes, or a copy where there are no second names.
pub(super) fn link(from: &Path, to: &Path) -> Result<(), ApplyError> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            fs::copy(from, to).map(drop).map_err(at(from))
        }
        linked => linked.map_err(at(from)),
    }
}

/// As [`link`] for a file or a whole folder.
pub(super) fn link_tree(from: &Path, to: &Path) -> Result<(), ApplyError> {
    if !fs::symlink_metadata(from).map_err(at(from))?.is_dir() {
        return link(from, to);
    }
    fs::create_dir_all(to).map_err(at(to))?;
    let entries: io::Result<BTreeSet<PathBuf>> =
        fs::read_dir(from).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    for path in entries.map_err(at(from))? {
        if let Some(name) = path.file_name() {
            link_tree(&path, &to.join(name))?;
        }
    }
    Ok(())
}

/// For `map_err`: an I/O error at `path`.
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> ApplyError + '_ {
    move |source| ApplyError::Io { path: path.to_owned(), source }
}
