//! What every kind of target is built with, and what building it comes to.

use std::{collections::BTreeMap, path::PathBuf};

use facesets_base::{
    exit::{Exit, Hint},
    monitor::Monitor,
};
use facesets_people::{consent::Withheld, view::View};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{
    change::{ChangeError, Steps},
    era::UnknownMember,
    export::{
        manifest::{FacesetManifest, Gap},
        render::Rendered,
        renderer::{Certify, RenderError},
    },
    manifest::{DroppedFace, ManifestError, NameError},
};

/// What applying a plan came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Applied {
    /// Number of the decision; 0 where there was nothing to change.
    pub decision: i64,
    /// Sets that were rebuilt or added.
    pub built: usize,
    /// Sets that are empty now and were set aside.
    pub removed: usize,
    /// Photos that could not be read, and crops that could not be looked at; each was reported.
    pub failed: usize,
    /// Photos that lie nowhere any more.
    pub vanished: usize,
    /// What the sets with bundles came to; `None` where none was made.
    #[serde(flatten)]
    pub bundled: Option<Bundled>,
}

/// What sets came to that were built with bundles.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Bundled {
    /// Sets whose crops have all passed.
    pub certified: usize,
    /// The lowest cosine similarity of a bundle's effective identity to its set's centroid, where somebody
    /// looked.
    pub lowest_effective_identity_cosine: Option<f32>,
    /// Crops that each of them has, by its name.
    pub crops: BTreeMap<String, usize>,
    /// Faces that were left out because of what was seen in their crops; of sets of which nothing was left,
    /// all.
    pub left_out: Vec<DroppedFace>,
    /// Sets of which nothing was left.
    pub gaps: Vec<String>,
    /// Sets that were left out because of what is said of consent.
    pub withheld: Vec<Withheld>,
    /// Eras of which too few crops were left: they lie in `_thin`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thinned: Vec<String>,
}

impl Applied {
    /// Counts what was rendered.
    pub(super) fn add(&mut self, rendered: &Rendered) {
        self.built += rendered.sets.len();
        self.failed += rendered.failed;
        let bundled = self.bundled.get_or_insert_default();
        bundled.add(&rendered.sets);
        bundled.left_out.extend(rendered.dropped.iter().filter(|drop| drop.reason.is_of_crop()).cloned());
        let empty = rendered.gaps.iter().filter(|gap| gap.consent.is_none()).flat_map(|gap| &gap.dropped);
        bundled.left_out.extend(empty.filter(|drop| !drop.reason.is_of_crop()).cloned());
        let (withheld, gaps) = Gap::part(&rendered.gaps);
        bundled.withheld.extend(withheld);
        bundled.gaps.extend(gaps);
    }
}

impl Bundled {
    /// Counts sets that were built.
    pub(super) fn add(&mut self, sets: &[FacesetManifest]) {
        self.crops.extend(sets.iter().map(|set| (set.name.clone(), set.faces.len())));
        self.certified += sets.iter().filter(|set| set.certificate.is_passed()).count();
        let cosines = sets.iter().flat_map(|set| &set.bundles);
        let cosines = cosines.filter_map(|bundle| bundle.effective_identity_cosine);
        self.lowest_effective_identity_cosine =
            cosines.chain(self.lowest_effective_identity_cosine).reduce(f32::min);
    }
}

/// Why a plan was not applied. The folders are as they were.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The library has other faces now.
    #[error("the library has changed since the plan was made")]
    GalleryDrifted,
    /// Somebody changed a folder.
    #[error("`{0}` has changed since the plan was made")]
    FolderDrifted(PathBuf),
    /// A folder that no command wrote, or one of another kind.
    #[error("`{0}` is no folder that this plan could have been made for")]
    NotOurs(PathBuf),
    /// Somebody has the name of a set that is to be added.
    #[error("`{0}` is there already")]
    Taken(PathBuf),
    /// A name that would lead out of its folder: a plan is a file that anybody may have written.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A set cannot be built.
    #[error("cannot write `{path}`: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A face of the plan that the library does not have.
    #[error("`{path}` in `{set}` is no face of this library")]
    UnknownFace {
        /// The set.
        set: String,
        /// Its photo.
        path: String,
    },
    /// A member of an era that the library does not have.
    #[error(transparent)]
    UnknownMember(#[from] UnknownMember),
    /// Crops cannot be made.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// Asked to.
    #[error("stopped before anything was changed")]
    Stopped,
    /// A manifest cannot be read or written.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The swap.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

/// What applying needs besides the plan.
pub struct Workshop<'a> {
    /// What is known of the library's faces.
    pub view: &'a View,
    /// Who looks at crops before they are handed out.
    pub certify: Certify<'a>,
    /// Does the renames.
    pub steps: &'a dyn Steps,
    /// Hears of progress.
    pub monitor: &'a dyn Monitor,
    /// Asks to stop, which is heard until the first rename.
    pub stop: &'a CancellationToken,
}

impl Hint for ApplyError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::GalleryDrifted | Self::FolderDrifted(_) => Some("make the plan again".to_owned()),
            Self::NotOurs(_) => Some(
                "plans change what `facesets cluster`, `refine`, `export-swap` or the system before this one wrote: make \
                 the plan again"
                    .to_owned(),
            ),
            Self::Taken(_) => Some("move it away, or make the plan again".to_owned()),
            Self::Stopped => Some("run the same command again".to_owned()),
            Self::Io { .. } => Some("see that the disk has room and the folder may be written".to_owned()),
            Self::Manifest(error) => error.hint(),
            Self::Change(error) => error.hint(),
            Self::Render(error) => error.hint(),
            Self::UnknownMember(error) => error.hint(),
            Self::Name(_) | Self::UnknownFace { .. } => None,
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Stopped => Exit::Interrupted,
            Self::Render(error) => error.exit(),
            _ => Exit::CannotContinue,
        }
    }
}
