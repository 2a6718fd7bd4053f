//! A folder that appears under its name only when it is whole.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// What to do about something that has the target's name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse, unless it is an empty folder.
    Refuse,
    /// Move it aside to the first free `NAME.previous-N`. Nothing is deleted.
    MoveAside,
}

/// A folder under construction. Dropping it without [`OutputDir::finish`] leaves no trace.
#[derive(Debug)]
pub struct OutputDir {
    target: PathBuf,
    existing: Existing,
    staging: TempDir,
    content: PathBuf,
}

/// Why an output folder cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// Something is there.
    #[error("`{0}` exists and is not empty")]
    Exists(PathBuf),
    /// Not a name for a folder.
    #[error("`{0}` cannot be the name of an output folder")]
    NoName(PathBuf),
    /// The file system refused.
    #[error("cannot write `{path}`: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl OutputDir {
    /// Begins a folder that will be `target`, built beside it so that moving it is one rename.
    pub fn create(target: &Path, existing: Existing) -> Result<Self, OutputError> {
        let target = std::path::absolute(target).map_err(at(target))?;
        if existing == Existing::Refuse && !is_free(&target)? {
            return Err(OutputError::Exists(target));
        }
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(OutputError::NoName(target));
        };
        fs::create_dir_all(parent).map_err(at(parent))?;
        let staging = tempfile::Builder::new()
            .prefix(&format!(".{}.partial-", name.to_string_lossy()))
            .tempdir_in(parent)
            .map_err(at(parent))?;
        // The temporary folder is private to its owner; the one inside has the usual permissions.
        let content = staging.path().join("content");
        fs::create_dir(&content).map_err(at(&content))?;
        Ok(Self { target, existing, staging, content })
    }

    /// Where to write.
    pub fn path(&self) -> &Path {
        &self.content
    }

    /// The path that it will have.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Puts everything on the disk and the folder in its place; returns where an earlier one was moved to.
    pub fn finish(self) -> Result<Option<PathBuf>, OutputError> {
        let folder = fs::File::open(&self.content).map_err(at(&self.content))?;
        rustix::fs::syncfs(&folder).map_err(|error| at(&self.content)(error.into()))?;
        let previous = match self.existing {
            Existing::MoveAside if !is_free(&self.target)? => Some(move_aside(&self.target)?),
            _ => None,
        };
        // Renaming over an empty folder is allowed; over anything else it fails, which is what we want.
        fs::rename(&self.content, &self.target).map_err(at(&self.target))?;
        self.staging.close().map_err(at(&self.target))?;
        Ok(previous)
    }
}

fn is_free(target: &Path) -> Result<bool, OutputError> {
    match fs::read_dir(target) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(error) => Err(at(target)(error)),
    }
}

fn move_aside(target: &Path) -> Result<PathBuf, OutputError> {
    for number in 1u32.. {
        let mut name = target.as_os_str().to_owned();
        name.push(format!(".previous-{number}"));
        let aside = PathBuf::from(name);
        if !aside.try_exists().map_err(at(&aside))? {
            fs::rename(target, &aside).map_err(at(target))?;
            return Ok(aside);
        }
    }
    Err(OutputError::Exists(target.to_owned()))
}

fn at(path: &Path) -> impl Fn(io::Error) -> OutputError + '_ {
    move |source| OutputError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_one(target: &Path, existing: Existing, text: &str) -> Result<Option<PathBuf>, OutputError> {
        let output = OutputDir::create(target, existing)?;
        fs::write(output.path().join("file"), text).unwrap();
        output.finish()
    }

    #[test]
    fn a_folder_appears_whole_and_nothing_else_stays() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("deep/out");
        assert_eq!(write_one(&target, Existing::Refuse, "new").unwrap(), None);
        assert_eq!(fs::read_to_string(target.join("file")).unwrap(), "new");
        assert_eq!(fs::read_dir(parent.path().join("deep")).unwrap().count(), 1);
    }

    #[test]
    fn what_is_there_is_refused_or_moved_aside_never_deleted() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("out");
        write_one(&target, Existing::Refuse, "first").unwrap();
        assert!(matches!(write_one(&target, Existing::Refuse, "x"), Err(OutputError::Exists(_))));
        for (text, before) in [("second", "first"), ("third", "second")] {
            let previous = write_one(&target, Existing::MoveAside, text).unwrap().unwrap();
            assert_eq!(fs::read_to_string(previous.join("file")).unwrap(), before);
        }
        assert_eq!(fs::read_to_string(target.join("file")).unwrap(), "third");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 3);
    }

    #[test]
    fn giving_up_leaves_what_was_there() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("out");
        write_one(&target, Existing::Refuse, "first").unwrap();
        drop(OutputDir::create(&target, Existing::MoveAside).unwrap());
        assert_eq!(fs::read_to_string(target.join("file")).unwrap(), "first");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
