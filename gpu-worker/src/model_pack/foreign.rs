//! What lies in the folder of a pack and is none of its files.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use facesets_core::is_litter;

use super::MANIFEST_FILE;

/// The first thing in the folder of a pack that is neither its manifest, nor a file that `is_ours` knows by
/// name, nor left there by the system; `None` where there is none.
pub(super) fn foreign_in(folder: &Path, is_ours: impl Fn(&OsStr) -> bool) -> io::Result<Option<PathBuf>> {
    for inside in fs::read_dir(folder)? {
        let inside = inside?;
        let name = inside.file_name();
        let may_go = name == MANIFEST_FILE || is_ours(&name) || is_litter(&name);
        if !(may_go && inside.file_type()?.is_file()) {
            return Ok(Some(inside.path()));
        }
    }
    Ok(None)
}
