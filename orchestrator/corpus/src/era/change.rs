//! What becomes of a corpus when a set is split or its eras grow: sets to be built, sets to be set aside.

use std::collections::{BTreeMap, BTreeSet};

use facesets_base::exit::Hint;
use facesets_people::{
    cluster::centroid,
    drops::{Drop, DropReason},
    gallery::FaceIndex,
    refine::within,
    threshold::CosineDistance,
    view::View,
};
use serde::{Deserialize, Serialize};

use super::{
    split::{Bucket, Split, free_label},
    years::Years,
};
use crate::{
    export::{
        self, ExportParameters, PlannedSet,
        corpus::Corpus,
        era::{Era, Joined, JoinedBy, Member},
        manifest::{FacesetManifest, Gap},
        origin::{Origin, OriginKind},
    },
    manifest::DroppedFace,
};

/// No face is farther from anything: the export's own rule is off where an era's takes its place.
const ANY_DISTANCE: CosineDistance = CosineDistance::literal(2.0);

/// Eras that are to be built beside the other sets of a corpus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EraChange {
    /// The set that they are eras of; it stays as it is.
    pub parent: String,
    /// How the parent came about, and so its eras.
    pub origin: OriginKind,
    /// How they are exported.
    pub parameters: ExportParameters,
    /// The sets to build.
    pub sets: Vec<EraSet>,
    /// Names of eras that were there, too thin or not, or gaps, and are not any more.
    pub removed: Vec<String>,
    /// Crops that an era needs to lie in the corpus itself. How many are left is known only when they were
    /// compared and looked at, so an era that is not `thin` in the plan may be so in the end. 0 where a plan
    /// demands none.
    #[serde(default)]
    pub min_anchor: usize,
}

/// An era that is to be built.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EraSet {
    /// `faceset_NNN_<label>`.
    pub name: String,
    /// What its bundles are named after, instead of its name.
    pub label: Option<String>,
    /// Whether it has too few photos for the corpus itself.
    pub thin: bool,
    /// Its members.
    pub era: Era,
    /// Drops that stand whatever the rules of the export say.
    pub dropped: Vec<DroppedFace>,
}

/// A member that the library does not have, so that nothing can be measured from it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a member of `{set}` is no face of this library: a face of photo {sha256}")]
pub struct UnknownMember {
    /// The era.
    pub set: String,
    /// Digest of the photo.
    pub sha256: String,
}

/// Faces that were dropped from any set of a corpus by a decision, or by a worker that looked at their crops:
/// no set gets them back.
///
/// Drops by the rules that an export applies each time are no such decisions: distance, size, sharpness, rank
/// and who else has the face are looked at anew.
pub fn drops_that_stand(corpus: &Corpus, index: &FaceIndex) -> BTreeSet<usize> {
    let drops = corpus.all().flat_map(|set| &set.dropped).filter(|drop| stands(&drop.reason));
    drops.filter_map(|drop| index.row(&drop.face.sha256, drop.face.bbox)).collect()
}

fn stands(reason: &DropReason) -> bool {
    match reason {
        // By the user, or by a worker that looked at its crop with every padding, and would see the same
        // again.
        DropReason::Pinned { .. }
        | DropReason::Decided { .. }
        | DropReason::NotOneFace { .. }
        | DropReason::UnlikeInCrop { .. }
        // What shows the same is in use.
        | DropReason::VisualDuplicate { .. } => true,
        DropReason::ShortSide { .. }
        | DropReason::Blur { .. }
        | DropReason::DetScore { .. }
        | DropReason::OnItsSide { .. }
        | DropReason::Outlier { .. }
        | DropReason::TooFewImages { .. }
        | DropReason::SamePhoto { .. }
        | DropReason::OtherFaceInCrop { .. }
        | DropReason::Apart { .. }
        | DropReason::Elsewhere {}
        | DropReason::NoCrop { .. } => false,
    }
}

impl EraSet {
    /// Rows of the founding members of the era `name`, in their order.
    pub fn founding_rows(name: &str, era: &Era, index: &FaceIndex) -> Result<Vec<usize>, UnknownMember> {
        rows(name, era.founding.iter(), index)
    }

    /// What the export makes of it: its rules as for every set, but distances are measured from the founding
    /// members.
    pub fn plan(
        &self,
        parent: &str,
        view: &View,
        parameters: &ExportParameters,
        origin: Origin,
    ) -> Result<PlannedSet, UnknownMember> {
        let View { gallery, index, pins, .. } = view;
        let centre = centroid(&gallery.embeddings, &Self::founding_rows(&self.name, &self.era, index)?);
        let standing: Vec<Drop> = self
            .dropped
            .iter()
            .filter_map(|drop| {
                let face = index.row(&drop.face.sha256, drop.face.bbox)?;
                Some(Drop { face, reason: drop.reason.clone() })
            })
            .collect();
        let out: BTreeSet<usize> = standing.iter().map(|drop| drop.face).collect();
        let members: BTreeSet<usize> = rows(&self.name, self.era.members(), index)?.into_iter().collect();
        let mut dropped = Vec::new();
        let members = members.difference(&out).copied().collect();
        let near = within(gallery, members, &centre, parameters.outlier_threshold, &mut dropped);
        let all = ExportParameters { outlier_threshold: ANY_DISTANCE, ..*parameters };
        let planned = export::plan(gallery, &self.name, near, &all, pins);
        dropped.extend(planned.dropped);
        dropped.extend(standing);
        dropped.sort_by_key(|drop| drop.face);
        Ok(PlannedSet {
            label: self.label.clone(),
            marker: Some(self.era.label.clone()),
            era: Some((parent.to_owned(), self.era.clone())),
            origin,
            dropped,
            ..planned
        })
    }
}

fn rows<'a>(
    set: &str,
    members: impl Iterator<Item = &'a Member>,
    index: &FaceIndex,
) -> Result<Vec<usize>, UnknownMember> {
    let row = |member: &Member| {
        member.row(index).ok_or_else(|| UnknownMember { set: set.to_owned(), sha256: member.sha256.clone() })
    };
    members.map(row).collect()
}

/// What a change of eras is made from.
#[derive(Clone, Copy)]
pub struct Eras<'a> {
    /// What is known of the library's faces.
    pub view: &'a View,
    /// Their years.
    pub years: &'a Years,
    /// The corpus.
    pub corpus: &'a Corpus,
    /// The set that is split.
    pub parent: &'a FacesetManifest,
}

impl<'a> Eras<'a> {
    /// Eras of the parent that the corpus has, with whether they are too thin; also such as say nothing of
    /// their members.
    pub fn existing(&self) -> impl Iterator<Item = (&'a FacesetManifest, bool)> {
        let parent = self.parent;
        let of_parent = move |set: &FacesetManifest| set.parent.as_ref() == Some(&parent.name);
        let sets = self.corpus.sets.iter().map(|set| (set, false));
        sets.chain(self.corpus.thin.iter().map(|set| (set, true))).filter(move |(set, _)| of_parent(set))
    }

    /// Every face that is in an era: exported or not, too thin or not, also where the export left nothing of
    /// it.
    pub fn members(&self) -> BTreeSet<usize> {
        let of_eras = self.existing().filter_map(|(set, _)| set.era.as_ref()).flat_map(Era::members);
        let of_eras = of_eras.filter_map(|member| member.row(&self.view.index));
        let gone = self.gaps().flat_map(|gap| &gap.dropped);
        of_eras
            .chain(gone.filter_map(|drop| self.view.index.row(&drop.face.sha256, drop.face.bbox)))
            .collect()
    }

    /// Eras of which the export left nothing.
    fn gaps(&self) -> impl Iterator<Item = &'a Gap> {
        let prefix = format!("{}_", self.parent.name);
        self.corpus.manifest.gaps.iter().filter(move |gap| gap.name.starts_with(&prefix))
    }

    /// The eras of a split in place of those that are there. Eras of which the export leaves fewer than
    /// `min_anchor` crops are thin.
    pub fn split(&self, split: &Split, min_anchor: usize) -> Result<EraChange, UnknownMember> {
        let removed: Vec<&FacesetManifest> = self.existing().map(|(set, _)| set).collect();
        let names: BTreeSet<&str> = removed.iter().map(|set| set.name.as_str()).collect();
        let parent = &self.parent.name;
        let prefix = format!("{parent}_");
        let manifest = &self.corpus.manifest;
        // Other sets of these names are not ours, however they came about.
        let others = manifest.facesets.iter().map(|set| set.name.as_str());
        let others = others.chain(manifest.aside.thin_eras.iter().map(|set| set.name.as_str()));
        let mut taken: BTreeSet<String> = others
            .filter(|name| !names.contains(name))
            .filter_map(|name| name.strip_prefix(&prefix).map(str::to_owned))
            .collect();
        // What was dropped by a decision stays on record, with the largest era.
        let mut standing: Vec<DroppedFace> = removed
            .iter()
            .flat_map(|set| &set.dropped)
            .filter(|drop| stands(&drop.reason))
            .cloned()
            .collect();
        let buckets = split.anchors.iter().chain(split.alone.iter().map(|(bucket, _)| bucket));
        let mut sets = Vec::new();
        for bucket in buckets {
            let label = free_label(&mut taken, bucket.label.clone());
            let mut set = EraSet {
                name: format!("{prefix}{label}"),
                label: self.parent.label.as_ref().map(|own| format!("{own}_{label}")),
                thin: true,
                era: self.era(bucket, label),
                dropped: std::mem::take(&mut standing),
            };
            let planned = set.plan(parent, self.view, &self.parent.parameters, self.parent.origin.clone())?;
            set.thin = planned.faces.len() < min_anchor;
            sets.push(set);
        }
        let built: BTreeSet<(&str, bool)> = sets.iter().map(|set| (set.name.as_str(), set.thin)).collect();
        let gone = self.existing().filter(|(set, thin)| !built.contains(&(set.name.as_str(), *thin)));
        let removed =
            gone.map(|(set, _)| &set.name).chain(self.gaps().map(|gap| &gap.name)).cloned().collect();
        Ok(EraChange { min_anchor, ..self.change(sets, removed) })
    }

    /// Eras with more members: faces (rows of the gallery) by the name of the era that they join, with their
    /// distances.
    pub fn extend(&self, joining: &BTreeMap<String, Vec<(usize, f32)>>) -> EraChange {
        let mut sets = Vec::new();
        for (set, thin) in self.existing() {
            let (Some(new), Some(era)) = (joining.get(&set.name), &set.era) else { continue };
            let mut era = era.clone();
            era.joined
                .extend(new.iter().map(|(face, distance)| self.joined(*face, JoinedBy::Extend, *distance)));
            let standing = set.dropped.iter().filter(|drop| stands(&drop.reason)).cloned();
            sets.push(EraSet {
                name: set.name.clone(),
                label: set.label.clone(),
                thin,
                era,
                dropped: standing.collect(),
            });
        }
        self.change(sets, Vec::new())
    }

    fn change(&self, sets: Vec<EraSet>, removed: Vec<String>) -> EraChange {
        EraChange {
            parent: self.parent.name.clone(),
            origin: self.parent.origin.kind,
            parameters: self.parent.parameters,
            sets,
            removed,
            min_anchor: 0,
        }
    }

    fn era(&self, bucket: &Bucket, label: String) -> Era {
        let founding = bucket.founding.iter();
        Era {
            label,
            dominant_year: bucket.dominant_year,
            founding: founding
                .map(|face| Member::new(&self.view.gallery, *face, self.years.of(*face)))
                .collect(),
            joined: bucket
                .joined
                .iter()
                .map(|(face, distance)| self.joined(*face, JoinedBy::Fragment, *distance))
                .collect(),
        }
    }

    fn joined(&self, face: usize, by: JoinedBy, distance: f32) -> Joined {
        Joined { face: Member::new(&self.view.gallery, face, self.years.of(face)), by, distance }
    }
}

impl Hint for UnknownMember {
    fn hint(&self) -> Option<String> {
        Some(
            "name the `--library` that the corpus was made from, or split anew: `facesets era split SET --corpus DIR --replace`"
                .to_owned(),
        )
    }
}
