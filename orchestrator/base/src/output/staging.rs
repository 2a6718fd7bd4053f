//! A folder that appears under its name only when it is whole.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use facesets_core::is_litter;
use tempfile::TempDir;

use super::{FileKind, OutputKind};
use crate::exit::Hint;

/// What to do about something that has the target's name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse, unless it is an empty folder.
    Refuse,
    /// Move an earlier output of the same kind aside to the first free `NAME.previous-N`; refuse anything
    /// else. Nothing is deleted.
    MoveAside,
}

/// A folder under construction. Dropping it without [`OutputDir::finish`] leaves no trace.
#[derive(Debug)]
pub struct OutputDir {
    target: PathBuf,
    kind: OutputKind,
    existing: Existing,
    staging: TempDir,
    content: PathBuf,
}

/// Why an output folder cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// An earlier output is there.
    #[error("`{0}` exists and is not empty")]
    Exists(PathBuf),
    /// Something is there that must stay where it is.
    #[error("`{path}` is not empty, and nothing that `{}` wrote: it stays where it is", .kind.command())]
    Foreign {
        /// What was named.
        path: PathBuf,
        /// What would be written there.
        kind: OutputKind,
    },
    /// An earlier file of the same kind is there.
    #[error("`{path}` exists")]
    FileExists {
        /// What was named.
        path: PathBuf,
        /// What it is.
        kind: FileKind,
    },
    /// Something is there that is no earlier file of the same kind.
    #[error("`{path}` exists and is no {}: it stays as it is", .kind.what())]
    ForeignFile {
        /// What was named.
        path: PathBuf,
        /// What would be written there.
        kind: FileKind,
    },
    /// A library lives in it.
    #[error("`{0}` is the store of a library: it stays as it is")]
    Live(PathBuf),
    /// Something is there in which the command or the user is at work.
    #[error("`{path}` is, or holds, {what}: it stays where it is", what = in_use_as(.used.as_deref()))]
    InUse {
        /// What was named.
        path: PathBuf,
        /// What it holds; `None` for the current folder.
        used: Option<PathBuf>,
    },
    /// A link that leads to no folder.
    #[error("`{0}` is a symbolic link that leads nowhere")]
    Dangling(PathBuf),
    /// What was there at the beginning was another then.
    #[error("`{0}` has appeared meanwhile")]
    Appeared(PathBuf),
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
    /// Begins a folder of this kind that will be `target`, built beside it so that moving it is one rename.
    /// What the command works with, `used`, is never moved aside, nor is the current folder.
    pub fn create(
        target: &Path,
        kind: OutputKind,
        existing: Existing,
        used: &[&Path],
    ) -> Result<Self, OutputError> {
        let target = resolved(target)?;
        if !is_free(&target)? {
            refuse_unlike(&target, kind, used)?;
            if existing == Existing::Refuse {
                return Err(OutputError::Exists(target));
            }
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
        Ok(Self { target, kind, existing, staging, content })
    }

    /// Where to write.
    pub fn path(&self) -> &Path {
        &self.content
    }

    /// The path that it will have.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Whether an earlier output is to make room for it.
    pub fn replaces(&self) -> Result<bool, OutputError> {
        Ok(self.existing == Existing::MoveAside && !is_free(&self.target)?)
    }

    /// Puts everything on the disk and the folder in its place; returns where an earlier one was moved to.
    pub fn finish(self) -> Result<Option<PathBuf>, OutputError> {
        let folder = fs::File::open(&self.content).map_err(at(&self.content))?;
        rustix::fs::syncfs(&folder).map_err(|error| at(&self.content)(error.into()))?;
        let replaces = self.replaces()?;
        // It may have come, or changed, since this was begun.
        if replaces && !self.kind.is(&self.target) {
            return Err(OutputError::Appeared(self.target));
        }
        let previous = replaces.then(|| move_aside(&self.target)).transpose()?;
        // Renaming over an empty folder is allowed; over anything else it fails, which is what we want.
        fs::rename(&self.content, &self.target).map_err(at(&self.target))?;
        self.staging.close().map_err(at(&self.target))?;
        Ok(previous)
    }
}

/// Demands that nothing is at `target`, or a folder with nothing in it but what is named `ignored` and what
/// systems leave behind, in which something of this kind may then be made.
pub fn demand_free(target: &Path, kind: OutputKind, ignored: &str) -> Result<(), OutputError> {
    let others = |entries: fs::ReadDir| {
        entries.into_iter().any(|entry| {
            entry.map_or(true, |entry| entry.file_name() != ignored && !is_litter(&entry.file_name()))
        })
    };
    let foreign = || Err(OutputError::Foreign { path: target.to_owned(), kind });
    match fs::read_dir(target) {
        Ok(entries) => {
            if others(entries) {
                foreign()
            } else {
                Ok(())
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(_) => foreign(),
    }
}

/// The absolute path of what may not be there yet; a link to a folder is that folder.
fn resolved(target: &Path) -> Result<PathBuf, OutputError> {
    match fs::canonicalize(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let target = std::path::absolute(target).map_err(at(target))?;
            if target.is_symlink() { Err(OutputError::Dangling(target)) } else { Ok(target) }
        }
        resolved => resolved.map_err(at(target)),
    }
}

/// Refuses what is no earlier output of this kind, or cannot be moved away without harm. `target` is a
/// canonical path.
fn refuse_unlike(target: &Path, kind: OutputKind, used: &[&Path]) -> Result<(), OutputError> {
    let holds = |used: &Path| fs::canonicalize(used).is_ok_and(|used| used.starts_with(target));
    let path = || target.to_owned();
    if let Some(used) = used.iter().find(|used| holds(used)) {
        return Err(OutputError::InUse { path: path(), used: Some((*used).to_owned()) });
    }
    if env::current_dir().is_ok_and(|current| holds(&current)) {
        return Err(OutputError::InUse { path: path(), used: None });
    }
    if kind.is(target) { Ok(()) } else { Err(OutputError::Foreign { path: path(), kind }) }
}

fn in_use_as(used: Option<&Path>) -> String {
    used.map_or_else(
        || "the folder you are in".to_owned(),
        |used| format!("`{}`, which this command works with", used.display()),
    )
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

impl Hint for OutputError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Exists(_) => "pass `--replace` to move it aside, or name another folder".to_owned(),
            Self::Foreign { .. } | Self::InUse { .. } | Self::Dangling(_) => {
                "name another folder, which may be new; only what the same command wrote is ever moved aside"
                    .to_owned()
            }
            Self::FileExists { kind, .. } => {
                format!("name another file, or pass `{}` to replace it", kind.flag())
            }
            Self::ForeignFile { .. } | Self::Live(_) => {
                "name another file; only what the same command wrote is ever replaced".to_owned()
            }
            Self::Appeared(_) => "nothing was changed: name another folder".to_owned(),
            Self::NoName(_) => "name a folder, for example `out`".to_owned(),
            Self::Io { .. } => "see that the disk has room and the folder may be written".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"{"schema": "facesets.refined/1"}"#;

    fn create(target: &Path, existing: Existing) -> Result<OutputDir, OutputError> {
        OutputDir::create(target, OutputKind::Refined, existing, &[])
    }

    fn write_one(target: &Path, existing: Existing, text: &str) -> Result<Option<PathBuf>, OutputError> {
        let output = create(target, existing)?;
        fs::write(output.path().join("manifest.json"), MANIFEST).unwrap();
        fs::write(output.path().join("file"), text).unwrap();
        output.finish()
    }

    /// Everything below a folder.
    fn names(folder: &Path) -> Vec<PathBuf> {
        walkdir::WalkDir::new(folder)
            .sort_by_file_name()
            .into_iter()
            .map(|entry| entry.unwrap().into_path())
            .collect()
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
        drop(create(&target, Existing::MoveAside).unwrap());
        assert_eq!(fs::read_to_string(target.join("file")).unwrap(), "first");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_no_command_of_this_kind_wrote_is_never_moved_aside() {
        let parent = tempfile::tempdir().unwrap();
        let clusters = r#"{"schema": "facesets.clusters/1"}"#;
        for (name, text) in
            [("photos/a.jpg", "photo"), ("file", "text"), ("clusters/manifest.json", clusters)]
        {
            let path = parent.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let before = names(parent.path());
        for existing in [Existing::Refuse, Existing::MoveAside] {
            for name in ["photos", "file", "clusters"] {
                let refused = create(&parent.path().join(name), existing);
                assert!(matches!(refused, Err(OutputError::Foreign { .. })), "{name}: {refused:?}");
            }
        }
        assert_eq!(names(parent.path()), before);
    }

    #[test]
    fn what_the_command_works_with_is_never_moved_aside() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("out");
        write_one(&target, Existing::Refuse, "first").unwrap();
        let library = target.join("library");
        fs::create_dir(&library).unwrap();
        let before = names(parent.path());
        for used in [&target, &library, &target.join("../out/library")] {
            let refused = OutputDir::create(&target, OutputKind::Refined, Existing::MoveAside, &[used]);
            assert!(matches!(refused, Err(OutputError::InUse { used: Some(_), .. })), "{refused:?}");
        }
        assert_eq!(names(parent.path()), before);
        let beside = parent.path().join("outside");
        OutputDir::create(&target, OutputKind::Refined, Existing::MoveAside, &[&beside, parent.path()])
            .unwrap();
    }

    #[test]
    fn only_an_empty_folder_is_free() {
        let parent = tempfile::tempdir().unwrap();
        let free = |name: &str| demand_free(&parent.path().join(name), OutputKind::Corpus, "kept").is_ok();
        fs::create_dir_all(parent.path().join("folder/kept")).unwrap();
        fs::write(parent.path().join("file"), "text").unwrap();
        assert!(free("new") && free("folder") && !free("file"));
        fs::write(parent.path().join("folder/a.jpg"), "photo").unwrap();
        assert!(!free("folder"));
    }

    #[test]
    fn a_link_to_a_folder_is_that_folder() {
        let parent = tempfile::tempdir().unwrap();
        let (target, link) = (parent.path().join("out"), parent.path().join("link"));
        std::os::unix::fs::symlink("out", &link).unwrap();
        assert!(matches!(create(&link, Existing::MoveAside), Err(OutputError::Dangling(_))));
        fs::create_dir(&target).unwrap();
        write_one(&link, Existing::Refuse, "first").unwrap();
        write_one(&link, Existing::MoveAside, "second").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(target.join("file")).unwrap(), "second");
    }
}
