//! Identities that folders assert.

use std::collections::{BTreeMap, BTreeSet};

use facesets_people::{
    cluster::centroid,
    gallery::Gallery,
    pins::ResolvedPins,
    refine::{within, within_centroid},
    upright::{lying_photos, on_its_side},
};
use serde::Serialize;

use super::{Additions, NewSet, Recipe, faces_under};
use crate::{
    export::{
        ExportParameters,
        origin::{Origin, OriginKind},
    },
    manifest::set_name,
};

/// What an import found, identity by identity in the order of the recipe.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Imported {
    /// The identities.
    pub identities: Vec<SortedIdentity>,
    /// Photos that lie.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub lying: BTreeSet<String>,
}

impl Imported {
    /// Puts the numbers of crops that were written in the place of those that were planned.
    pub fn settle(&mut self, written: &BTreeMap<String, usize>) {
        for identity in &mut self.identities {
            if let Some(name) = &identity.name {
                identity.exported = written.get(name).copied().unwrap_or(0);
            }
        }
    }
}

/// What was found of one identity; counts are of faces, aliases not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SortedIdentity {
    /// Its label.
    pub label: String,
    /// `faceset_NNN`; `None` where its folder has no face that could be its.
    pub name: Option<String>,
    /// Faces in its folder.
    pub faces: usize,
    /// Faces of its folder that are somebody else's: too far from the centroid.
    pub outliers: usize,
    /// Faces that mixed folders added.
    pub routed: usize,
    /// Crops that the export leaves: before they are made, as many as there may be.
    pub exported: usize,
}

/// Builds the identities of a recipe.
///
/// The faces of a trusted folder are one person's but for bystanders: those farther than the first threshold
/// from the centroid of all are left out, then those farther than the second from the centroid of the rest. A
/// face of a mixed folder is added to every identity that it is near to; of a photo with several people, each
/// identity gets its own face. Faces that lie move no centroid.
pub fn sorted_identities(
    gallery: &Gallery,
    recipe: &Recipe,
    first_number: usize,
    export: &ExportParameters,
    pins: &ResolvedPins,
) -> (Additions, Imported) {
    let mixed: BTreeSet<usize> =
        recipe.mixed.iter().flat_map(|folder| faces_under(gallery, folder)).collect();
    let mut additions = Additions { origin: OriginKind::HandSorted, parameters: *export, sets: Vec::new() };
    let mut imported = Imported::default();
    let mut numbers = first_number..;
    let lies = |face: &usize| on_its_side(gallery, *face, export.max_roll).is_some();
    let mut all_lying: Vec<usize> = mixed.iter().copied().filter(lies).collect();
    for trusted in &recipe.trusted {
        let all = faces_under(gallery, &trusted.folder);
        let (lying, upright): (Vec<usize>, Vec<usize>) = all.iter().copied().partition(lies);
        all_lying.extend(&lying);
        let mut outliers = Vec::new();
        let near = within_centroid(gallery, upright, recipe.first_outlier_threshold, &mut outliers);
        let core = within_centroid(gallery, near, recipe.outlier_threshold, &mut outliers);
        let mut identity = SortedIdentity {
            label: trusted.label.clone(),
            name: None,
            faces: all.len(),
            outliers: outliers.len(),
            routed: 0,
            exported: 0,
        };
        if !core.is_empty() {
            let centre = centroid(&gallery.embeddings, &core);
            // On record, with the reason for which the export leaves them out.
            let lying = within(gallery, lying, &centre, recipe.outlier_threshold, &mut outliers);
            identity.outliers = outliers.len();
            let is_near =
                |face: &usize| 1.0 - gallery.embedding(*face).dot(&centre) <= recipe.match_threshold.get();
            let mut rows: BTreeSet<usize> = core.into_iter().chain(lying).collect();
            let routed: Vec<usize> =
                mixed.iter().copied().filter(|face| !rows.contains(face)).filter(is_near).collect();
            identity.routed = routed.len();
            rows.extend(routed);
            let rows: Vec<usize> = rows.into_iter().collect();
            let name = set_name("faceset", numbers.next().unwrap_or(first_number));
            let set = NewSet {
                label: Some(trusted.label.clone()),
                marker: Some(trusted.label.clone()),
                ..NewSet::new(gallery, name.clone(), &rows)
            };
            let origin = Origin { kind: additions.origin, run: 0 };
            identity.exported = set.plan(gallery, rows, export, origin, pins).faces.len();
            identity.name = Some(name);
            additions.sets.push(set);
        }
        imported.identities.push(identity);
    }
    imported.lying = lying_photos(gallery, all_lying);
    (additions, imported)
}
