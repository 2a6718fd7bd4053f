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

/// Photos that are not in an output folder although they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Missing {
    /// Could not be put there; each was reported.
    pub failed: usize,
    /// Lie nowhere any more.
    pub vanished: usize,
}

/// Puts every place of each photo into `folder`, which is made if there is anything to put there.
///
/// A photo counts as missing only if none of its places could be put there; the others go on.
pub fn place_all<'a>(
    contents: impl IntoIterator<Item = &'a Content>,
    folder: &Path,
    placement: Placement,
    monitor: &dyn Monitor,
) -> io::Result<Missing> {
    let mut missing = Missing::default();
    if placement == Placement::None {
        return Ok(missing);
    }
    for content in contents {
        fs::create_dir_all(folder)?;
        let results = content.paths.iter().map(|path| place(path, folder, placement)).collect::<Vec<_>>();
        let placed = results.iter().any(Result::is_ok);
        let errors: Vec<PlaceError> = results.into_iter().filter_map(Result::err).collect();
        let gone = errors.iter().all(|error| error.source.kind() == io::ErrorKind::NotFound);
        match (placed, gone) {
            (true, _) => {}
            (false, true) => missing.vanished += 1,
            (false, false) => {
                for error in &errors {
                    monitor.problem(&path_text(&error.from), &error.source.to_string());
                }
                missing.failed += 1;
            }
        }
        monitor.advance(1);
    }
    Ok(missing)
}

impl std::ops::AddAssign for Missing {
    fn add_assign(&mut self, other: Self) {
        self.failed += other.failed;
        self.vanished += other.vanished;
    }
}

/// Puts the photo at `from` into `folder` under its [`flat_name`].
fn place(from: &Path, folder: &Path, placement: Placement) -> Result<(), PlaceError> {
    let to = folder.join(flat_name(from));
    let done = match placement {
        // Nothing in the output is ever written over; the other ways refuse that by themselves.
        Placement::Copy if to.exists() => Err(io::ErrorKind::AlreadyExists.into()),
        Placement::Copy => fs::copy(from, &to).map(drop),
        Placement::Hardlink => fs::hard_link(from, &to),
        Placement::Symlink => fs::metadata(from).and_then(|_| symlink(from, &to)),
        Placement::None => Ok(()),
    };
    done.map_err(|source| PlaceError { from: from.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use facesets_core::Sha256Digest;

    use super::*;
    use crate::monitor::Silent;

    fn content(paths: &[PathBuf]) -> Content {
        Content { sha256: Sha256Digest::of(b"x"), paths: paths.to_vec(), width: 1, height: 1 }
    }

    #[test]
    fn what_vanished_is_counted_apart_from_what_failed() {
        let folder = tempfile::tempdir().unwrap();
        let (photo, gone) = (folder.path().join("a.jpg"), folder.path().join("gone.jpg"));
        fs::write(&photo, "photo").unwrap();
        let alias_left = content(&[gone.clone(), photo.clone()]);
        let out = folder.path().join("out");
        let missing = place_all([&alias_left, &content(&[gone])], &out, Placement::Copy, &Silent).unwrap();
        assert_eq!(missing, Missing { failed: 0, vanished: 1 });
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
        let again = place_all([&content(&[photo])], &out, Placement::Copy, &Silent).unwrap();
        assert_eq!(again, Missing { failed: 1, vanished: 0 }, "nothing is written over");
    }
}
