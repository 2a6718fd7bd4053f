//! Plans to folders: what changes is built aside, then swapped in by [`crate::change`].

use std::path::Path;

use facesets_base::monitor::Monitor;
use facesets_library::store::Writer;
use facesets_people::gallery::Gallery;

use super::{
    Becomes, Plan, Target, adopt,
    check::demand_ours,
    corpus, eras,
    folders::{self, Folder},
    manifest_digest,
    workshop::{Applied, ApplyError, Workshop},
};
use crate::{
    change::{Change, ChangeError},
    manifest::{self, ClusterManifest, ManifestError, RefinedManifest, Schema},
    placement::{Known, Missing, Placement, Placer},
};

/// Demands that library and folders are as they were when the plan was made, and that it means the folders of
/// a command.
pub fn refuse_drifted(plan: &Plan, gallery: &Gallery) -> Result<(), ApplyError> {
    if plan.gallery != gallery.digest().to_string() {
        return Err(ApplyError::GalleryDrifted);
    }
    for target in &plan.targets {
        demand_ours(target)?;
        if target.was != manifest_digest(&target.root)? {
            return Err(ApplyError::FolderDrifted(target.root.clone()));
        }
    }
    Ok(())
}

/// Checks that nothing has drifted, builds what changes, and swaps it in.
pub fn apply(plan: &Plan, workshop: &Workshop<'_>, journal: &mut Writer) -> Result<Applied, ApplyError> {
    refuse_drifted(plan, &workshop.view.gallery)?;
    let places_photos =
        |target: &Target| matches!(target.becomes, Becomes::Clusters(_) | Becomes::Refined(_));
    let known = if plan.targets.iter().any(places_photos) {
        journal.store().sightings().map_err(ChangeError::from)?
    } else {
        Known::new()
    };
    let mut change = Change::begin(journal, workshop.steps, &plan.command, &plan.roots())?;
    let mut applied = Applied::default();
    let mut removed = Vec::new();
    for target in &plan.targets {
        let staging = change.staging(&target.root);
        let gone = match &target.becomes {
            Becomes::Clusters(new) => {
                new.names_stay_inside()?;
                let old: ClusterManifest = read_old(target)?;
                let folders = Folders {
                    old: folders::of_clusters(&old),
                    new: folders::of_clusters(new),
                    placement: new.materialize,
                };
                let gone = build(&folders, target, &staging, workshop, &known, &mut applied)?;
                manifest::write(&staging, new)?;
                gone
            }
            Becomes::Refined(new) => {
                new.names_stay_inside()?;
                let old: RefinedManifest = read_old(target)?;
                let folders = Folders {
                    old: folders::of_refined(&old),
                    new: folders::of_refined(new),
                    placement: new.materialize,
                };
                let gone = build(&folders, target, &staging, workshop, &known, &mut applied)?;
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
    if adds_nothing(plan, &applied) {
        // What was built aside goes with the change.
        return Ok(applied);
    }
    applied.decision = change.finish(&removed)?;
    Ok(applied)
}

/// Whether all that a plan was for were more sets of corpora, and none of them was made.
fn adds_nothing(plan: &Plan, applied: &Applied) -> bool {
    let only_adds = plan.targets.iter().all(|target| matches!(target.becomes, Becomes::Corpus(_)));
    only_adds && applied.built == 0
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
    known: &Known,
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
        known,
        stop: workshop.stop,
        monitor,
    };
    let index = folders::content_index(&workshop.view.gallery);
    monitor.start("building sets", Some(changed.len() as u64));
    let mut gone = Vec::new();
    // Every photo counts as a step of placing; here, sets do.
    let quiet = Placer { monitor: &Problems(monitor), ..placer };
    for folder in changed {
        if folder.is_empty() {
            gone.push(folder.name.to_owned());
        } else {
            let path = staging.join(folder.name);
            let photos = folder.contents(&workshop.view.gallery, &index);
            let Missing { failed, changed, vanished } =
                quiet.put(photos, &path).map_err(|source| match source.kind() {
                    std::io::ErrorKind::Interrupted => ApplyError::Stopped,
                    _ => ApplyError::Io { path: path.clone(), source },
                })?;
            applied.built += 1;
            applied.failed += failed.len() + changed.len();
            applied.vanished += vanished.len();
        }
        monitor.advance(1);
    }
    monitor.finish();
    Ok(gone)
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
