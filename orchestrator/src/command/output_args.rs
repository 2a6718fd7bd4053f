//! Flags of the commands that write a folder.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::{
    exit::{Exit, Hint},
    gallery::Content,
    manifest::{self, ManifestError, Schema},
    output::{Existing, Missing, OutputDir, OutputError, Placer},
};

/// Where to write, and what to do about what is there.
#[derive(Debug, clap::Args)]
pub(super) struct OutputArgs {
    /// Folder to write; it appears when it is complete
    #[arg(value_name = "OUT")]
    pub(super) out: PathBuf,
    /// Move an earlier OUT aside to OUT.previous-N, as a whole, instead of refusing; nothing is deleted
    #[arg(long)]
    pub(super) replace: bool,
}

impl OutputArgs {
    /// The manifest of the folder that is to be moved aside, if it is of this kind.
    pub(super) fn replaced<M: Schema>(&self) -> Result<Option<M>, ManifestError> {
        if self.replace { manifest::read_if_there(&self.out) } else { Ok(None) }
    }

    /// Begins the folder.
    pub(super) fn create(&self) -> Result<OutputDir, OutputError> {
        let existing = if self.replace { Existing::MoveAside } else { Existing::Refuse };
        OutputDir::create(&self.out, existing)
    }
}

/// Puts the photos of each named set into a folder of its name; returns which photos are not there.
pub(super) fn place_sets(
    output: &OutputDir,
    sets: &[(&str, Vec<&Content>)],
    placer: &Placer<'_>,
) -> Result<Missing, WriteError> {
    placer.monitor.start("placing photos", Some(sets.iter().map(|(_, photos)| photos.len() as u64).sum()));
    let mut missing = Missing::default();
    for (name, photos) in sets {
        let folder = output.path().join(name);
        missing += placer.put(photos.iter().copied(), &folder).map_err(write_error(&folder))?;
    }
    placer.monitor.finish();
    Ok(missing)
}

/// What is said of an output in the end, after the figures.
pub(super) fn write_ending(
    f: &mut fmt::Formatter<'_>,
    missing: Missing,
    previous: Option<&Path>,
    out: &Path,
) -> fmt::Result {
    if missing.failed > 0 {
        writeln!(f, "{} photos could not be read (listed above)", missing.failed)?;
    }
    if missing.vanished > 0 {
        writeln!(
            f,
            "{} photos of the library lie nowhere any more and are only in the manifest",
            missing.vanished
        )?;
    }
    if let Some(previous) = previous {
        writeln!(f, "the earlier output is now `{}`", previous.display())?;
    }
    write!(f, "written to `{}`", out.display())
}

/// A folder that cannot be written, or is not to be written any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("cannot write `{path}`: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("stopped before `{0}` was complete")]
    Stopped(PathBuf),
}

/// For `map_err`: an I/O error at `path`.
pub(super) fn write_error(path: &Path) -> impl Fn(std::io::Error) -> WriteError + '_ {
    move |source| match source.kind() {
        std::io::ErrorKind::Interrupted => WriteError::Stopped(path.to_owned()),
        _ => WriteError::Io { path: path.to_owned(), source },
    }
}

impl Hint for WriteError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Io { .. } => {
                "see that the disk has room and the folder may be written, then run the same command again"
                    .to_owned()
            }
            Self::Stopped(_) => "nothing was changed: run the same command again".to_owned(),
        })
    }

    fn exit(&self) -> Exit {
        if matches!(self, Self::Stopped(_)) { Exit::Interrupted } else { Exit::CannotContinue }
    }
}

impl Hint for OutputError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Exists(_) => "pass `--replace` to move it aside, or name another folder".to_owned(),
            Self::NoName(_) => "name a folder, for example `out`".to_owned(),
            Self::Io { .. } => "see that the disk has room and the folder may be written".to_owned(),
        })
    }
}

impl Hint for ManifestError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Invalid { .. } | Self::Io { .. } => {
                Some("name a folder that `facesets cluster`, `refine` or `export-swap` wrote".to_owned())
            }
        }
    }
}
