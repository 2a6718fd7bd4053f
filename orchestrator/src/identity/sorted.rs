//! Identities that folders assert.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Additions, NewSet, Recipe, faces_under};
use crate::{
    cluster::centroid,
    export::{ExportParameters, origin::Origin, origin::OriginKind},
    gallery::Gallery,
    manifest::set_name,
    pins::ResolvedPins,
    refine::within_centroid,
};

/// What an import found, identity by identity in the order of the recipe.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Imported {
    /// The identities.
    pub identities: Vec<SortedIdentity>,
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
    /// Crops that the export leaves.
    pub exported: usize,
}

/// Builds the identities of a recipe.
///
/// The faces of a trusted folder are one person's but for bystanders: those farther than the first threshold from the centroid of all are
/// left out, then those farther than the second from the centroid of the rest. A face of a mixed folder is added to every identity that it
/// is near to; of a photo with several people, each identity gets its own face.
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
    for trusted in &recipe.trusted {
        let all = faces_under(gallery, &trusted.folder);
        let mut outliers = Vec::new();
        let near = within_centroid(gallery, all.clone(), recipe.first_outlier_threshold, &mut outliers);
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
            let is_near =
                |face: &usize| 1.0 - gallery.embedding(*face).dot(&centre) <= recipe.match_threshold.get();
            let mut rows: BTreeSet<usize> = core.iter().copied().collect();
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
    (additions, imported)
}
