//! Photos in an output folder.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use clap::ValueEnum;

use super::flat_name;
use crate::{gallery::Content, manifest::path_text, monitor::Monitor};

/// How a photo gets into an output folder. The original is never touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Placement {
    /// A copy (no extra space on file systems that share blocks).
    Copy,
    /// A second name for the same file; only within one file system.
    Hardlink,
    /// A link to the path.
    Symlink,
    /// Nothing: the manifest alone.
    None,
}

/// A place of a photo that could not be put in an output folder, and why.
struct PlaceError {
    from: PathBuf,
    source: io::Error,
}

/// Puts every place of each photo into `folder`, which is made if there is anything to put there. Returns how many photos could
/// not be put there; each of them is reported and the others go on. A place that is gone counts only if all of its photo's are.
pub fn place_all<'a>(
    contents: impl IntoIterator<Item = &'a Content>,
    folder: &Path,
    placement: Placement,
    monitor: &dyn Monitor,
) -> io::Result<usize> {
    let mut failed = 0;
    if placement == Placement::None {
        return Ok(failed);
    }
    for content in contents {
        fs::create_dir_all(folder)?;
        let results = content.paths.iter().map(|path| place(path, folder, placement)).collect::<Vec<_>>();
        if !results.iter().any(Result::is_ok) {
            for error in results.into_iter().filter_map(Result::err) {
                monitor.problem(&path_text(&error.from), &error.source.to_string());
            }
            failed += 1;
        }
        monitor.advance(1);
    }
    Ok(failed)
}

/// Puts the photo at `from` into `folder` under its [`flat_name`].
fn place(from: &Path, folder: &Path, placement: Placement) -> Result<(), PlaceError> {
    let to = folder.join(flat_name(from));
    let done = match placement {
        Placement::Copy => fs::copy(from, &to).map(drop),
        Placement::Hardlink => fs::hard_link(from, &to),
        Placement::Symlink => fs::metadata(from).and_then(|_| symlink(from, &to)),
        Placement::None => Ok(()),
    };
    done.map_err(|source| PlaceError { from: from.to_owned(), source })
}
