//! One file into an output, and whose fault it is where that fails: the photo's or the output's.

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, symlink},
    path::Path,
};

use facesets_base::file;

/// Why a file is not in an output.
#[derive(Debug)]
pub(super) enum Fault {
    /// It cannot be read; or linked, where the output can be written.
    Photo(io::Error),
    /// It is not what was embedded any more.
    Changed,
    /// Something in the output has its name.
    Taken,
    /// The output cannot be written, so neither can any other photo be put there.
    Output(io::Error),
}

impl Fault {
    /// Whether there is no such photo.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Photo(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// An error of something that touches the output only.
    fn of_output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::AlreadyExists { Self::Taken } else { Self::Output(error) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Photo(error) => write!(f, "cannot read or link it: {error}"),
            Self::Changed => {
                f.write_str("it has changed since it was embedded; `facesets embed` looks at it anew, with `--rehash` in any case")
            }
            Self::Taken => f.write_str("another photo in the output has its name"),
            Self::Output(error) => write!(f, "cannot write it: {error}"),
        }
    }
}

/// Copies a file to where none is; a copy that fails is removed.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Fault> {
    let source = file::open(from).map_err(Fault::Photo)?;
    let bytes = source.metadata.len();
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(source.metadata.mode() & 0o777);
    let mut target = options.open(to).map_err(Fault::of_output)?;
    // The kernel copies, without extra space where the file system shares blocks.
    match io::copy(&mut source.file().take(bytes), &mut target) {
        Ok(_) => Ok(()),
        Err(error) => {
            let fault =
                if is_of_output(&error) || reads(from) { Fault::Output(error) } else { Fault::Photo(error) };
            Err(without(to, fault))
        }
    }
}

/// Gives a file a second name.
pub(super) fn hard_link(from: &Path, to: &Path) -> Result<(), Fault> {
    // A pipe could be linked too, and whoever reads the output would wait for it.
    file::open(from).map_err(Fault::Photo)?;
    fs::hard_link(from, to).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Fault::Taken,
        _ if is_of_output(&error) => Fault::Output(error),
        _ => Fault::Photo(error),
    })
}

/// Links to a path that is there.
pub(super) fn link(from: &Path, to: &Path) -> Result<(), Fault> {
    file::open(from).map_err(Fault::Photo)?;
    symlink(from, to).map_err(Fault::of_output)
}

/// Removes what was put into the output and must not stay.
pub(super) fn without(to: &Path, fault: Fault) -> Fault {
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Fault::Output(error),
        _ => fault,
    }
}

/// Whether only what is written can have this error.
fn is_of_output(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem | FileTooLarge)
}

/// Whether a file can be read to its end: then an error of copying it was one of writing.
fn reads(path: &Path) -> bool {
    file::open(path).and_then(|mut file| io::copy(&mut file, &mut io::sink())).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_told_from_what_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("photo"), "photo").unwrap();
        fs::create_dir(path("folder")).unwrap();
        copy(&path("photo"), &path("copy")).unwrap();
        assert_eq!(fs::read_to_string(path("copy")).unwrap(), "photo");
        assert!(matches!(copy(&path("photo"), &path("copy")), Err(Fault::Taken)));
        assert!(copy(&path("gone"), &path("other")).unwrap_err().is_gone());
        // A folder opens and does not read: what was begun for it is removed.
        assert!(matches!(copy(&path("folder"), &path("other")), Err(Fault::Photo(_))));
        assert!(!path("other").exists());
        assert!(matches!(copy(&path("photo"), &path("nowhere/other")), Err(Fault::Output(_))));
        assert!(matches!(link(&path("photo"), &path("nowhere/other")), Err(Fault::Output(_))));
        assert!(link(&path("gone"), &path("other")).unwrap_err().is_gone());
        assert!(hard_link(&path("gone"), &path("other")).unwrap_err().is_gone());
    }

    #[test]
    fn a_device_that_is_full_is_the_outputs_fault() {
        let full = Path::new("/dev/full");
        let error = fs::write(full, "photo").unwrap_err();
        assert!(is_of_output(&error), "{error}");
    }
}
