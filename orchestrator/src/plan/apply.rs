//! Plans to folders: what changes is built aside, then swapped in by [`crate::change`].

use std::path::{Path, PathBuf};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{Becomes, Plan, Target, adopt, corpus, eras, folders, folders::Folder, manifest_digest};
use crate::{
    change::{Change, ChangeError, Steps},
    consent::{ConsentBook, Withheld},
    era::UnknownMember,
    export::{
        manifest::{FacesetManifest, Gap},
        render::{Certify, RenderError, Rendered},
    },
    gallery::Gallery,
    manifest::{self, ClusterManifest, DroppedFace, ManifestError, RefinedManifest, Schema},
    monitor::Monitor,
    output::{Missing, Placement, Placer},
    pins::ResolvedPins,
    store::Writer,
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
    /// The lowest cosine similarity of a bundle's effective identity to its set's centroid, where somebody looked.
    pub lowest_effective_identity_cosine: Option<f32>,
    /// Faces that were left out because of what was seen in their crops.
    pub left_out: Vec<DroppedFace>,
    /// Sets of which nothing was left.
    pub gaps: Vec<String>,
    /// Sets that were left out because consent was demanded.
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
        let (withheld, gaps) = Gap::part(&rendered.gaps);
        bundled.withheld.extend(withheld);
        bundled.gaps.extend(gaps);
    }
}

impl Bundled {
    /// Counts sets that were built.
    pub(super) fn add(&mut self, sets: &[FacesetManifest]) {
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
    /// A name that would lead out of its folder.
    #[error("`{0}` cannot be the name of a set")]
    Name(String),
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
    /// The library's faces, under the plan's contract.
    pub gallery: &'a Gallery,
    /// What the user says of them.
    pub pins: &'a ResolvedPins,
    /// Who looks at crops before they are handed out.
    pub certify: Certify<'a>,
    /// What is said of whose consent.
    pub consent: &'a ConsentBook,
    /// Does the renames.
    pub steps: &'a dyn Steps,
    /// Hears of progress.
    pub monitor: &'a dyn Monitor,
    /// Asks to stop, which is heard until the first rename.
    pub stop: &'a CancellationToken,
}

/// Demands that library and folders are as they were when the plan was made.
pub fn refuse_drifted(plan: &Plan, gallery: &Gallery) -> Result<(), ApplyError> {
    if plan.gallery != gallery.digest().to_string() {
        return Err(ApplyError::GalleryDrifted);
    }
    for target in &plan.targets {
        if target.was != manifest_digest(&target.root)? {
            return Err(ApplyError::FolderDrifted(target.root.clone()));
        }
    }
    Ok(())
}

/// Checks that nothing has drifted, builds what changes, and swaps it in.
pub fn apply(plan: &Plan, workshop: &Workshop<'_>, journal: &mut Writer) -> Result<Applied, ApplyError> {
    refuse_drifted(plan, workshop.gallery)?;
    let mut change = Change::begin(journal, workshop.steps, &plan.command, &plan.roots())?;
    let mut applied = Applied::default();
    let mut removed = Vec::new();
    for target in &plan.targets {
        let staging = change.staging(&target.root);
        let gone = match &target.becomes {
            Becomes::Clusters(new) => {
                let old: ClusterManifest = read_old(target)?;
                let folders = Folders {
                    old: folders::of_clusters(&old),
                    new: folders::of_clusters(new),
                    placement: new.materialize,
                };
                let gone = build(&folders, target, &staging, workshop, &mut applied)?;
                manifest::write(&staging, new)?;
                gone
            }
            Becomes::Refined(new) => {
                let old: RefinedManifest = read_old(target)?;
                let folders = Folders {
                    old: folders::of_refined(&old),
                    new: folders::of_refined(new),
                    placement: new.materialize,
                };
                let gone = build(&folders, target, &staging, workshop, &mut applied)?;
                manifest::write(&staging, new)?;
                gone
            }
            Becomes::Corpus(additions) => {
                corpus::add(plan, target, additions, &staging, workshop, &mut applied)?;
                Vec::new()
            }
            Becomes::Adopted(adoption) => {
                change.drop_for_good(adoption.drops.clone());
                let building =
                    adopt::Building { plan, target, staging: &staging, decision: change.id(), workshop };
                adopt::adopt(&building, adoption, &mut applied)?
            }
            Becomes::Eras(change) => eras::build(plan, target, change, &staging, workshop, &mut applied)?,
        };
        removed.extend(gone.into_iter().map(|name| (target.root.clone(), name)));
    }
    if workshop.stop.is_cancelled() {
        return Err(ApplyError::Stopped);
    }
    applied.removed = removed.len();
    applied.decision = change.finish(&removed)?;
    Ok(applied)
}

/// The folders of a root before and after.
struct Folders<'a> {
    old: Vec<Folder<'a>>,
    new: Vec<Folder<'a>>,
    placement: Placement,
}

fn read_old<M: Schema>(target: &Target) -> Result<M, ManifestError> {
    manifest::read(&target.root)
}

/// Builds the folders that change; returns the names of those that are empty now.
fn build(
    folders: &Folders<'_>,
    target: &Target,
    staging: &Path,
    workshop: &Workshop<'_>,
    applied: &mut Applied,
) -> Result<Vec<String>, ApplyError> {
    let Folders { old, new, placement } = folders;
    if *placement == Placement::None {
        return Ok(Vec::new());
    }
    let monitor = workshop.monitor;
    let changed: Vec<&Folder<'_>> = new.iter().filter(|folder| !old.contains(folder)).collect();
    let placer = Placer {
        placement: *placement,
        earlier: folders::earlier(&target.root, old),
        stop: workshop.stop,
        monitor,
    };
    let index = folders::content_index(workshop.gallery);
    monitor.start("building sets", Some(changed.len() as u64));
    let mut gone = Vec::new();
    // Every photo counts as a step of placing; here, sets do.
    let quiet = Placer { monitor: &Problems(monitor), ..placer };
    for folder in changed {
        check_name(folder.name)?;
        if folder.is_empty() {
            gone.push(folder.name.to_owned());
        } else {
            let path = staging.join(folder.name);
            let photos = folder.contents(workshop.gallery, &index);
            let Missing { failed, vanished } =
                quiet.put(photos, &path).map_err(|source| match source.kind() {
                    std::io::ErrorKind::Interrupted => ApplyError::Stopped,
                    _ => ApplyError::Io { path: path.clone(), source },
                })?;
            applied.built += 1;
            applied.failed += failed;
            applied.vanished += vanished;
        }
        monitor.advance(1);
    }
    monitor.finish();
    Ok(gone)
}

/// A plan is a file that anybody may have written.
pub(super) fn check_name(name: &str) -> Result<(), ApplyError> {
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
    if plain { Ok(()) } else { Err(ApplyError::Name(name.to_owned())) }
}

/// Passes on problems only.
struct Problems<'a>(&'a dyn Monitor);

impl Monitor for Problems<'_> {
    fn start(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn finish(&self) {}
    fn note(&self, text: &str) {
        self.0.note(text);
    }
    fn problem(&self, what: &str, reason: &str) {
        self.0.problem(what, reason);
    }
}
