//! The folder that a pass writes.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use facesets_base::{
    exit::{Exit, Failure, Hint},
    output::{Existing, OutputDir, OutputError, OutputKind},
};
use facesets_corpus::{
    manifest::{self, ManifestError, Schema},
    placement::{Earlier, Known, Missing, Placement, Placer},
};
use facesets_people::gallery::Content;

use super::{Session, changing::refuse_waiting};

/// Where to write, and what to do about what is there.
#[derive(Debug, Clone)]
pub(crate) struct OutputOptions {
    /// The folder; it appears when it is complete.
    pub out: PathBuf,
    /// Move an earlier one of the same command aside, as a whole, instead of refusing.
    pub replace: bool,
}

impl OutputOptions {
    /// The manifest of the folder that is to be moved aside, if it is of this kind.
    pub(crate) fn replaced<M: Schema>(&self) -> Result<Option<M>, ManifestError> {
        if self.replace { manifest::read_if_there(&self.out) } else { Ok(None) }
    }

    /// Begins the folder, which must not be in the way of the library or of the command's `inputs`.
    pub(crate) fn create(
        &self,
        kind: OutputKind,
        session: &Session<'_>,
        inputs: &[&Path],
    ) -> Result<OutputDir, Failure> {
        for folder in inputs.iter().chain([&&*self.out]) {
            refuse_waiting(folder, session.waiting)?;
        }
        let existing = if self.replace { Existing::MoveAside } else { Existing::Refuse };
        let used = [&[session.library.folder()], inputs].concat();
        Ok(OutputDir::create(&self.out, kind, existing, &used)?)
    }
}

/// Puts the photos of each named set into a folder of its name; returns which photos are not there. If these
/// are more than half, an earlier output is not given up for that, unless the user says so.
pub(crate) fn place_sets(
    output: &OutputDir,
    sets: &[(&str, Vec<&Content>)],
    placement: Placement,
    accept_missing: bool,
    known: &Known,
    session: &Session<'_>,
) -> Result<Missing, WriteError> {
    let Session { monitor, stop, .. } = *session;
    let placer = Placer { placement, earlier: Earlier::new(), known, stop, monitor };
    monitor.start("placing photos", Some(sets.iter().map(|(_, photos)| photos.len() as u64).sum()));
    let mut missing = Missing::default();
    for (name, photos) in sets {
        let folder = output.path().join(name);
        missing += placer.put(photos.iter().copied(), &folder).map_err(write_error(&folder))?;
    }
    monitor.finish();
    let photos = sets.iter().flat_map(|(_, photos)| photos).map(|photo| photo.sha256);
    let photos = photos.collect::<HashSet<_>>().len();
    if missing.len() > photos / 2 && !accept_missing && output.replaces()? {
        let target = output.target().to_owned();
        return Err(WriteError::MostlyMissing { target, missing: missing.len(), photos });
    }
    Ok(missing)
}

/// A folder that cannot be written, or is not to be written any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("cannot write `{path}`: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{missing} of {photos} photos cannot be placed: `{target}` stays as it is")]
    MostlyMissing { target: PathBuf, missing: usize, photos: usize },
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("stopped before `{0}` was complete")]
    Stopped(PathBuf),
}

/// For `map_err`: an I/O error at `path`.
pub(crate) fn write_error(path: &Path) -> impl Fn(std::io::Error) -> WriteError + '_ {
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
            Self::MostlyMissing { .. } => "is the disk with the photos mounted? if they lie elsewhere now, run \
                                           `facesets embed SRC…` on that; if they are gone for good, run it on what is left, which \
                                           takes them out of every count, or pass `--accept-missing`"
                .to_owned(),
            Self::Output(error) => return error.hint(),
            Self::Stopped(_) => "nothing was changed: run the same command again".to_owned(),
        })
    }

    fn exit(&self) -> Exit {
        if matches!(self, Self::Stopped(_)) { Exit::Interrupted } else { Exit::CannotContinue }
    }
}
