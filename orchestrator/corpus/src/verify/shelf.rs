//! Putting repaired files in place: nothing is written through a link, and what has the place is kept, not
//! replaced.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use facesets_base::layout::KEPT;
use facesets_core::Sha256Digest;

use super::{Repaired, VerifyError};

/// What a file is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It has the digest that is wanted, if any is.
    Sound,
    /// It has another one.
    Other,
    /// There is no such file.
    Missing,
    /// Nobody can tell now.
    Unreadable,
}

impl State {
    /// Looks at a file that should have the digest `wanted`, in hexadecimal digits.
    pub(super) fn of(path: &Path, wanted: Option<&str>) -> Self {
        match (File::open(path).and_then(Sha256Digest::of_reader), wanted) {
            (Ok((found, _)), Some(wanted)) if found.to_string() != wanted => Self::Other,
            (Ok(_), _) => Self::Sound,
            (Err(error), _) if error.kind() == io::ErrorKind::NotFound => Self::Missing,
            (Err(_), _) => Self::Unreadable,
        }
    }
}

/// Puts files into a corpus.
pub(super) struct Shelf<'a> {
    root: &'a Path,
    /// Where this repair keeps what it replaces, once it has replaced anything.
    kept: Option<PathBuf>,
    pub(super) repaired: Repaired,
}

impl<'a> Shelf<'a> {
    pub(super) fn new(root: &'a Path) -> Self {
        Self { root, kept: None, repaired: Repaired::default() }
    }

    /// Puts these bytes at `place`, a path in the corpus whose names were checked.
    pub(super) fn put(&mut self, place: &str, bytes: &[u8]) -> Result<(), VerifyError> {
        let mut file = tempfile::Builder::new()
            .prefix(".facesets-partial-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(self.root)
            .map_err(at(self.root))?;
        file.write_all(bytes).map_err(at(file.path()))?;
        self.put_file(place, &file.into_temp_path())
    }

    /// Moves a file to `place`.
    pub(super) fn put_file(&mut self, place: &str, file: &Path) -> Result<(), VerifyError> {
        let path = self.root.join(place);
        if let Some(link) = self.link_above(place) {
            self.repaired.left.push((place.to_owned(), format!("`{link}` is a symbolic link")));
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(at(parent))?;
        }
        File::open(file).and_then(|file| file.sync_all()).map_err(at(file))?;
        let kept = if fs::symlink_metadata(&path).is_ok() { Some(self.keep(place)?) } else { None };
        // Whatever comes meanwhile is not replaced: a second name, then the first one goes.
        match fs::hard_link(file, &path) {
            Ok(()) => fs::remove_file(file).map_err(at(file))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(at(&path)(error)),
            Err(_) => fs::rename(file, &path).map_err(at(&path))?,
        }
        self.repaired.files.push(place.to_owned());
        self.repaired.kept.extend(kept);
        Ok(())
    }

    /// Moves what has a place to where it is kept; returns where, relative to the corpus.
    fn keep(&mut self, place: &str) -> Result<String, VerifyError> {
        let home = match &self.kept {
            Some(home) => home.clone(),
            None => self.kept.insert(new_folder(&self.root.join(KEPT))?).clone(),
        };
        let to = home.join(place);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(at(parent))?;
        }
        fs::rename(self.root.join(place), &to).map_err(at(&to))?;
        Ok(to.strip_prefix(self.root).unwrap_or(&to).to_string_lossy().into_owned())
    }

    /// The first link among the folders that lead to `place`, or to where things are kept.
    fn link_above(&self, place: &str) -> Option<String> {
        let mut above: Vec<&str> = place.match_indices('/').map(|(at, _)| &place[..at]).collect();
        above.push(KEPT);
        above.into_iter().find(|folder| self.root.join(folder).is_symlink()).map(str::to_owned)
    }
}

/// Makes `repair-1`, or the next that is free, in a folder.
fn new_folder(within: &Path) -> Result<PathBuf, VerifyError> {
    fs::create_dir_all(within).map_err(at(within))?;
    for number in 1u32.. {
        let folder = within.join(format!("repair-{number}"));
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| folder.clone()).map_err(at(&folder)),
        }
    }
    Err(at(within)(io::ErrorKind::AlreadyExists.into()))
}

fn at(path: &Path) -> impl Fn(io::Error) -> VerifyError + '_ {
    move |source| VerifyError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repaired_takes_the_place_of_nothing_that_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("set/faces")).unwrap();
        for text in ["retouched", "retouched again"] {
            fs::write(root.join("set/faces/1.png"), text).unwrap();
            let mut shelf = Shelf::new(root);
            shelf.put("set/faces/1.png", b"as it was").unwrap();
            shelf.put("set/faces/2.png", b"was not there").unwrap_or_else(|_| unreachable!());
            assert_eq!(fs::read(root.join("set/faces/1.png")).unwrap(), b"as it was");
            let kept = &shelf.repaired.kept[0];
            assert_eq!(fs::read_to_string(root.join(kept)).unwrap(), text, "{kept}");
            fs::remove_file(root.join("set/faces/2.png")).unwrap();
        }
        assert_eq!(fs::read_dir(root).unwrap().count(), 2, "nothing else is left");
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (root, elsewhere) = (folder.path().join("corpus"), folder.path().join("elsewhere"));
        fs::create_dir_all(root.join("set")).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("1.png"), "mine").unwrap();
        std::os::unix::fs::symlink(&elsewhere, root.join("set/faces")).unwrap();
        let mut shelf = Shelf::new(&root);
        shelf.put("set/faces/1.png", b"other").unwrap();
        let Repaired { files, kept, left } = shelf.repaired;
        assert_eq!((files.len(), kept.len(), left.len()), (0, 0, 1));
        assert_eq!(fs::read_to_string(elsewhere.join("1.png")).unwrap(), "mine");
        assert_eq!(fs::read_dir(&root).unwrap().count(), 1);

        // A file that is a link is not followed either.
        fs::remove_file(root.join("set/faces")).unwrap();
        fs::create_dir(root.join("set/faces")).unwrap();
        std::os::unix::fs::symlink(elsewhere.join("1.png"), root.join("set/faces/1.png")).unwrap();
        let mut shelf = Shelf::new(&root);
        shelf.put("set/faces/1.png", b"other").unwrap();
        assert_eq!(fs::read_to_string(elsewhere.join("1.png")).unwrap(), "mine");
        assert!(root.join(&shelf.repaired.kept[0]).is_symlink());
        assert_eq!(fs::read_to_string(root.join("set/faces/1.png")).unwrap(), "other");
    }

    #[test]
    fn what_cannot_be_read_is_neither_missing_nor_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "a").unwrap();
        let digest = Sha256Digest::of(b"a").to_string();
        assert_eq!(State::of(&path("file"), Some(&digest)), State::Sound);
        assert_eq!(State::of(&path("file"), Some("other")), State::Other);
        assert_eq!(State::of(&path("gone"), None), State::Missing);
        assert_eq!(State::of(folder.path(), Some(&digest)), State::Unreadable, "a folder does not read");
    }
}
