//! Does an output folder hold what its manifests say, and do they agree with the library?

mod corpus;
mod folders;
pub mod repair;
mod shelf;
mod statements;

use facesets_people::view::View;
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use facesets_core::is_litter;
use tokio_util::sync::CancellationToken;

use crate::{
    export::manifest::CorpusManifest,
    manifest::{self, ClusterManifest, FaceEntry, ManifestError, RefinedManifest},
};
use facesets_base::{
    exit::{Exit, Hint},
    layout::{CLUSTERS_SCHEMA, CORPUS_SCHEMA, KEPT, MANIFEST, REFINED_SCHEMA},
    monitor::Monitor,
};

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Names, crops and bundles with their digests, manifests.
    Names,
    /// The sha256 of every photo too.
    Bytes,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What sort of thing it is.
    pub kind: FindingKind,
    /// A set, a file, a photo.
    pub what: String,
    /// What is wrong with it.
    pub problem: String,
    /// What takes it away, where that is not `--repair`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What sort of thing is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Folders, manifests and library do not agree.
    Disagreement,
    /// What the user has said since speaks against a crop.
    SpokenAgainst,
    /// The consent in a manifest is not what the statements come to now.
    Consent,
}

/// What was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// Sets in the manifest.
    pub sets: usize,
    /// Files that should be there.
    pub files: usize,
    /// Photos that are not in their folder because they lie nowhere any more.
    pub vanished: usize,
    /// Faces whose photos have gone or were left out since: the folder is as it was made, and the library no
    /// longer counts them.
    pub absent: usize,
    /// What was repaired, where that was asked for.
    pub repaired: Vec<String>,
    /// Where what was replaced is kept, relative to the folder.
    pub kept: Vec<String>,
    /// What systems and other programs have left there: it is nobody's fault and stays where it is.
    pub litter: Vec<String>,
    /// What is wrong, after repairs.
    pub findings: Vec<Finding>,
}

/// What a repair has come to. Paths are relative to the corpus.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Files that were made again.
    pub files: Vec<String>,
    /// Where what had their places is kept.
    pub kept: Vec<String>,
    /// Files that could be made again but are left as they are, and why.
    pub left: Vec<(String, String)>,
}

/// A folder cannot be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It has no manifest, or one that is not understood.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// It has a whole manifest that is not understood, which is not to be made again.
    #[error("{0}")]
    NotUnderstood(ManifestError),
    /// Asked to.
    #[error("stopped before everything was looked at")]
    Stopped,
    /// Something cannot be read, or repaired.
    #[error("cannot access `{path}`: {source}")]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The contract that a folder's manifest names.
pub fn contract_of(root: &Path) -> Result<String, ManifestError> {
    #[derive(serde::Deserialize)]
    struct Header {
        contract: String,
    }
    let header = serde_json::from_slice::<Header>(&manifest::read_bytes(root)?);
    header.map(|header| header.contract).map_err(|error| ManifestError::Invalid {
        path: root.join(MANIFEST),
        expected: "facesets",
        reason: error.to_string(),
    })
}

/// Verifies what `cluster`, `refine` or `export-swap` wrote, against a library and what the user says of its
/// faces.
pub fn verify(
    root: &Path,
    view: &View,
    depth: Depth,
    monitor: &dyn Monitor,
    stop: &CancellationToken,
) -> Result<Verified, VerifyError> {
    let bytes = manifest::read_bytes(root)?;
    let path = root.join(MANIFEST);
    let schema = manifest::schema_of(&bytes).unwrap_or_default();
    let mut look = Look {
        root,
        view,
        depth,
        monitor,
        stop,
        seen: BTreeSet::from([KEPT.to_owned(), MANIFEST.to_owned()]),
        verified: Verified::default(),
    };
    match schema.as_str() {
        CLUSTERS_SCHEMA => folders::clusters(&mut look, &manifest::parse::<ClusterManifest>(&path, &bytes)?)?,
        REFINED_SCHEMA => folders::refined(&mut look, &manifest::parse::<RefinedManifest>(&path, &bytes)?)?,
        CORPUS_SCHEMA => corpus::corpus(&mut look, &manifest::parse::<CorpusManifest>(&path, &bytes)?)?,
        _ => {
            let reason = format!("its schema is `{schema}`");
            return Err(ManifestError::Invalid { path, expected: CORPUS_SCHEMA, reason }.into());
        }
    }
    for name in look.names("")? {
        if !look.seen.contains(&name) {
            look.finding(&name, "is not in the manifest");
        }
    }
    Ok(look.verified)
}

/// One look at a folder.
struct Look<'a> {
    root: &'a Path,
    view: &'a View,
    depth: Depth,
    monitor: &'a dyn Monitor,
    stop: &'a CancellationToken,
    /// Names in the root that belong there.
    seen: BTreeSet<String>,
    verified: Verified,
}

impl Look<'_> {
    fn finding(&mut self, what: &str, problem: impl Into<String>) {
        let (what, problem) = (what.to_owned(), problem.into());
        let finding = Finding { kind: FindingKind::Disagreement, what, problem, hint: None };
        self.verified.findings.push(finding);
    }

    /// Names in a folder of the root; what systems leave there is noted and is none of them.
    fn names(&mut self, folder: &str) -> Result<BTreeSet<String>, VerifyError> {
        if self.stop.is_cancelled() {
            return Err(VerifyError::Stopped);
        }
        let Names { ours, litter } = names(&self.root.join(folder))?;
        let place = |name: &String| if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        self.verified.litter.extend(litter.iter().map(place));
        Ok(ours)
    }

    /// Demands that the library has these faces.
    fn faces_are_known(&mut self, set: &str, faces: &[FaceEntry]) {
        for face in faces {
            self.face_is_known(&format!("{set}: {}", face.path), &face.sha256, face.bbox);
        }
    }

    /// Demands that the library has a face; counts those whose photos are known and count for nothing.
    fn face_is_known(&mut self, what: &str, sha256: &str, bbox: [f32; 4]) {
        if self.view.index.row(sha256, bbox).is_some() {
            return;
        }
        if self.view.gallery.absent.has(sha256) {
            self.verified.absent += 1;
        } else {
            self.finding(what, "is no face of this library");
        }
    }
}

/// Names in a folder.
#[derive(Default)]
struct Names {
    /// Those that mean something.
    ours: BTreeSet<String>,
    /// Those of what systems and other programs leave behind.
    litter: BTreeSet<String>,
}

/// Names in a folder; none where there is no folder.
fn names(folder: &Path) -> Result<Names, VerifyError> {
    let at = |source| VerifyError::Io { path: folder.to_owned(), source };
    let mut names = Names::default();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
        entries => entries.map_err(at)?,
    };
    for entry in entries {
        let name = entry.map_err(at)?.file_name();
        let list = if is_litter(&name) { &mut names.litter } else { &mut names.ours };
        list.insert(name.to_string_lossy().into_owned());
    }
    Ok(names)
}

impl Hint for VerifyError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Manifest(error) => return error.hint(),
            Self::NotUnderstood(_) => "nothing was changed: use the `facesets` that wrote it, which may be a newer one; if it is of no \
                                       use any more, move it away, and `facesets verify CORPUS --repair` makes another"
                .to_owned(),
            Self::Stopped => "run the same command again".to_owned(),
            Self::Io { .. } => return None,
        })
    }

    fn exit(&self) -> Exit {
        if matches!(self, Self::Stopped) { Exit::Interrupted } else { Exit::CannotContinue }
    }
}
