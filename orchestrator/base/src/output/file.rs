//! A single file whose name the user gives: written beside its place, synced, and only then given its name.
//! It takes the place of nothing but an earlier file of the same kind, and of that only where the user said
//! so.

use std::{
    fs::{self, File, Permissions},
    io::{self, Read as _, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::{
    Existing, OutputError,
    kind::{any_version, head},
};
use crate::{
    layout::{ARRAYS_META, PLAN_SCHEMA, STORE_APPLICATION_ID, STORE_FORMAT},
    library::Library,
};

/// What a file is that a command wrote under a name of the user's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// By `--plan FILE`.
    Plan,
    /// By `store backup`.
    Backup,
    /// By `store export`, in one file.
    Arrays,
}

impl FileKind {
    /// What it is called.
    pub fn what(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Backup => "copy of a library",
            Self::Arrays => "export of a library",
        }
    }

    /// The flag that has an earlier one replaced.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Plan => "--replace-plan",
            Self::Backup | Self::Arrays => "--force",
        }
    }

    /// Whether a file is one. What cannot be read is none.
    fn is(self, path: &Path) -> bool {
        match self {
            Self::Plan => head(path).is_ok_and(|head| head.starts_with(any_version(PLAN_SCHEMA).as_bytes())),
            Self::Backup => is_store(path).unwrap_or(false),
            Self::Arrays => is_export(path).unwrap_or(false),
        }
    }
}

/// Whether a file is a database of this program, by its header.
/// Source: <https://www.sqlite.org/fileformat.html>, 1.3: the application's mark is in bytes 68 to 71.
fn is_store(path: &Path) -> io::Result<bool> {
    let mut header = [0; 72];
    File::open(path)?.read_exact(&mut header)?;
    let mark = STORE_APPLICATION_ID.to_be_bytes();
    Ok(header.starts_with(b"SQLite format 3\0") && header[68..] == mark[4..])
}

/// Whether a file is an archive whose first member is our `meta`, which says so.
fn is_export(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(4096).read_to_end(&mut start)?;
    let holds = |mark: &[u8]| start.windows(mark.len()).any(|part| part == mark);
    Ok(start.starts_with(b"PK\x03\x04") && holds(ARRAYS_META.as_bytes()) && holds(STORE_FORMAT.as_bytes()))
}

/// A file under construction. Dropping it without [`OutputFile::finish`] leaves no trace.
#[derive(Debug)]
pub struct OutputFile {
    target: PathBuf,
    kind: FileKind,
    existing: Existing,
    file: NamedTempFile,
}

impl OutputFile {
    /// Begins what will be `target`. [`Existing::MoveAside`] replaces an earlier file of the same kind;
    /// nothing else is ever replaced, not through a link either, nor the store of a library, nor the file
    /// `used` that the command reads, whatever it is called.
    pub fn create(
        target: &Path,
        kind: FileKind,
        existing: Existing,
        used: Option<&Path>,
    ) -> Result<Self, OutputError> {
        let target = std::path::absolute(target).map_err(at(target))?;
        if used.is_some_and(|used| is_same(&target, used)) {
            return Err(OutputError::InUse { path: target, used: used.map(Path::to_owned) });
        }
        refuse(&target, kind, existing)?;
        let parent = target.parent().unwrap_or(Path::new("/"));
        let file = tempfile::Builder::new()
            .prefix(".facesets-partial-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(parent)
            .map_err(at(&target))?;
        Ok(Self { target, kind, existing, file })
    }

    /// The path that it will have.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Where it is until then.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The file itself.
    pub fn as_file(&self) -> &File {
        self.file.as_file()
    }

    /// Puts it on the disk and under its name.
    pub fn finish(self) -> Result<PathBuf, OutputError> {
        let Self { target, kind, existing, file } = self;
        file.as_file().sync_all().map_err(at(&target))?;
        // It may have come, or changed, since this was begun.
        refuse(&target, kind, existing)?;
        let persisted = match existing {
            Existing::Refuse => file.persist_noclobber(&target),
            Existing::MoveAside => file.persist(&target),
        };
        persisted.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => OutputError::FileExists { path: target.clone(), kind },
            _ => at(&target)(error.error),
        })?;
        let folder = target.parent().unwrap_or(Path::new("/"));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))?;
        Ok(target)
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for OutputFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Refuses whatever is at `target`, unless it is an earlier file of this kind that is to be replaced.
fn refuse(target: &Path, kind: FileKind, existing: Existing) -> Result<(), OutputError> {
    let metadata = match fs::symlink_metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata.map_err(at(target))?,
    };
    let path = || target.to_owned();
    if is_live(target) {
        return Err(OutputError::Live(path()));
    }
    if !metadata.is_file() || !kind.is(target) {
        return Err(OutputError::ForeignFile { path: path(), kind });
    }
    match existing {
        Existing::Refuse => Err(OutputError::FileExists { path: path(), kind }),
        Existing::MoveAside => Ok(()),
    }
}

/// Whether a file is the store of a library: a writer has left its lock beside it.
fn is_live(target: &Path) -> bool {
    let library = Library::new(target.parent().unwrap_or(Path::new("/")));
    target.file_name() == library.store_file().file_name() && library.lock_file().exists()
}

/// Whether two paths lead to one file.
fn is_same(one: &Path, other: &Path) -> bool {
    let file = |path: &Path| fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()));
    file(one).is_ok_and(|one| file(other).is_ok_and(|other| one == other))
}

fn at(path: &Path) -> impl Fn(io::Error) -> OutputError + '_ {
    move |source| OutputError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const PLAN: &str = "{\n  \"schema\": \"facesets.plan/1\"\n}";

    fn write(target: &Path, existing: Existing, text: &str) -> Result<PathBuf, OutputError> {
        let mut file = OutputFile::create(target, FileKind::Plan, existing, None)?;
        file.write_all(text.as_bytes()).unwrap();
        file.finish()
    }

    #[test]
    fn a_file_takes_the_place_of_nothing_but_an_earlier_one_of_its_kind_and_only_if_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        write(&path("plan"), Existing::Refuse, PLAN).unwrap();
        let again = write(&path("plan"), Existing::Refuse, PLAN);
        assert!(matches!(again, Err(OutputError::FileExists { .. })), "{again:?}");
        let longer = format!("{PLAN}\n");
        write(&path("plan"), Existing::MoveAside, &longer).unwrap();
        assert_eq!(fs::read_to_string(path("plan")).unwrap(), longer);

        fs::write(path("photo.jpg"), "a photo").unwrap();
        fs::write(path("other.json"), r#"{"name": "an app", "schema": "facesets.plan/1"}"#).unwrap();
        symlink("plan", path("link")).unwrap();
        symlink("nowhere", path("dangling")).unwrap();
        fs::create_dir(path("folder")).unwrap();
        for name in ["photo.jpg", "other.json", "link", "dangling", "folder"] {
            for existing in [Existing::Refuse, Existing::MoveAside] {
                let refused = write(&path(name), existing, PLAN);
                assert!(matches!(refused, Err(OutputError::ForeignFile { .. })), "{name}: {refused:?}");
            }
        }
        assert_eq!(fs::read_to_string(path("photo.jpg")).unwrap(), "a photo");
        assert!(path("link").is_symlink() && path("dangling").is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 6, "no temporary file is left");
    }

    #[test]
    fn what_appears_while_a_file_is_made_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("plan");
        for existing in [Existing::Refuse, Existing::MoveAside] {
            let file = OutputFile::create(&target, FileKind::Plan, existing, None).unwrap();
            fs::write(&target, "somebody else's").unwrap();
            assert!(matches!(file.finish(), Err(OutputError::ForeignFile { .. })));
            assert_eq!(fs::read_to_string(&target).unwrap(), "somebody else's");
            fs::remove_file(&target).unwrap();
        }
    }
}
