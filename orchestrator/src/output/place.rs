//! Photos in an output folder.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use facesets_core::Sha256Digest;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::flat_name;
use crate::{gallery::Content, manifest::path_text, monitor::Monitor};

/// How a photo gets into an output folder. The original is never touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    #[default]
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

/// Files of earlier outputs by the photo's path and content.
pub type Earlier = HashMap<(PathBuf, Sha256Digest), PathBuf>;

/// Puts photos into folders.
pub struct Placer<'a> {
    /// How.
    pub placement: Placement,
    /// Files that may be used again instead of reading the photo; they are never changed, so a second name for them will do.
    pub earlier: Earlier,
    /// Asks to stop between two photos.
    pub stop: &'a CancellationToken,
    /// Hears of what cannot be placed.
    pub monitor: &'a dyn Monitor,
}

impl Placer<'_> {
    /// Puts every place of each photo into `folder`, which is made if there is anything to put there.
    ///
    /// A photo counts as missing only if none of its places could be put there; the others go on. When asked to stop, this ends with an
    /// error of kind `Interrupted`.
    pub fn put<'a>(
        &self,
        contents: impl IntoIterator<Item = &'a Content>,
        folder: &Path,
    ) -> io::Result<Missing> {
        let mut missing = Missing::default();
        if self.placement == Placement::None {
            return Ok(missing);
        }
        for content in contents {
            if self.stop.is_cancelled() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            fs::create_dir_all(folder)?;
            let results: Vec<_> =
                content.paths.iter().map(|path| self.place(path, content.sha256, folder)).collect();
            let placed = results.iter().any(Result::is_ok);
            let errors: Vec<PlaceError> = results.into_iter().filter_map(Result::err).collect();
            let gone = errors.iter().all(|error| error.source.kind() == io::ErrorKind::NotFound);
            match (placed, gone) {
                (true, _) => {}
                (false, true) => missing.vanished += 1,
                (false, false) => {
                    for error in &errors {
                        self.monitor.problem(&path_text(&error.from), &error.source.to_string());
                    }
                    missing.failed += 1;
                }
            }
            self.monitor.advance(1);
        }
        Ok(missing)
    }

    /// Puts the photo at `from` into `folder` under its [`flat_name`].
    fn place(&self, from: &Path, sha256: Sha256Digest, folder: &Path) -> Result<(), PlaceError> {
        let to = folder.join(flat_name(from));
        let earlier = self.earlier.get(&(from.to_owned(), sha256));
        let done = match (self.placement, earlier) {
            (Placement::Copy | Placement::Hardlink, Some(earlier)) if fs::hard_link(earlier, &to).is_ok() => {
                Ok(())
            }
            // Nothing in the output is ever written over; the other ways refuse that by themselves.
            (Placement::Copy, _) if to.exists() => Err(io::ErrorKind::AlreadyExists.into()),
            (Placement::Copy, Some(earlier)) => fs::copy(earlier, &to).map(drop),
            (Placement::Copy, None) => fs::copy(from, &to).map(drop),
            (Placement::Hardlink, _) => fs::hard_link(from, &to),
            (Placement::Symlink, _) => fs::metadata(from).and_then(|_| symlink(from, &to)),
            (Placement::None, _) => Ok(()),
        };
        done.map_err(|source| PlaceError { from: from.to_owned(), source })
    }
}

impl std::ops::AddAssign for Missing {
    fn add_assign(&mut self, other: Self) {
        self.failed += other.failed;
        self.vanished += other.vanished;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::Silent;

    fn content(paths: &[PathBuf]) -> Content {
        Content { sha256: Sha256Digest::of(b"x"), paths: paths.to_vec(), width: 1, height: 1 }
    }

    fn placer(stop: &CancellationToken, earlier: Earlier) -> Placer<'_> {
        Placer { placement: Placement::Copy, earlier, stop, monitor: &Silent }
    }

    #[test]
    fn what_vanished_is_counted_apart_from_what_failed() {
        let folder = tempfile::tempdir().unwrap();
        let (photo, gone) = (folder.path().join("a.jpg"), folder.path().join("gone.jpg"));
        fs::write(&photo, "photo").unwrap();
        let alias_left = content(&[gone.clone(), photo.clone()]);
        let out = folder.path().join("out");
        let stop = CancellationToken::new();
        let placer = placer(&stop, Earlier::new());
        let missing = placer.put([&alias_left, &content(&[gone])], &out).unwrap();
        assert_eq!(missing, Missing { failed: 0, vanished: 1 });
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
        let again = placer.put([&content(std::slice::from_ref(&photo))], &out).unwrap();
        assert_eq!(again, Missing { failed: 1, vanished: 0 }, "nothing is written over");
        stop.cancel();
        let stopped = placer.put([&content(&[photo])], &folder.path().join("other"));
        assert_eq!(stopped.unwrap_err().kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn an_earlier_file_serves_where_the_photo_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (gone, earlier) = (folder.path().join("gone.jpg"), folder.path().join("earlier"));
        fs::write(&earlier, "photo").unwrap();
        let photo = content(std::slice::from_ref(&gone));
        let out = folder.path().join("out");
        let stop = CancellationToken::new();
        let placer = placer(&stop, Earlier::from([((gone.clone(), photo.sha256), earlier)]));
        assert_eq!(placer.put([&photo], &out).unwrap(), Missing::default());
        assert_eq!(fs::read_to_string(out.join(flat_name(&gone))).unwrap(), "photo");
    }
}
