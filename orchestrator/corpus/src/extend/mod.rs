//! New faces into sets that are there: nobody is renumbered, nobody leaves a set. Pure.

mod raw;
mod refined;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use facesets_people::{
    gallery::{FaceIndex, Gallery},
    matching::{Centroids, Nearest},
    pins::{Kinship, ResolvedPins},
    threshold::CosineDistance,
};
use serde::Serialize;

pub use raw::extend_clusters;
pub use refined::extend_refined;

use crate::manifest::{FaceEntry, NamedSet, face_entries, highest_number, named_set, set_name};

/// Farthest that a face may be from the centroid of the set that it joins: the distance at which the system
/// before this one took a face for covered by a set. (At the cut of the clustering, 0.55 on average to every
/// member, the centroid is about this near.)
pub const MATCH_THRESHOLD: CosineDistance = CosineDistance::literal(0.45);

/// Where the clustering of faces that match no set is cut.
pub const NEW_THRESHOLD: CosineDistance = CosineDistance::literal(0.55);

/// Every knob of `extend`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ExtendParameters {
    /// Farthest cosine distance of a face from the centroid of the set that it joins.
    pub match_threshold: CosineDistance,
    /// Cosine distance at which the clustering of faces that match no set is cut.
    pub new_threshold: CosineDistance,
}

impl Default for ExtendParameters {
    fn default() -> Self {
        Self { match_threshold: MATCH_THRESHOLD, new_threshold: NEW_THRESHOLD }
    }
}

/// What became of an output; counts are of faces, aliases not counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Extension {
    /// Faces that the output did not know.
    pub new_faces: usize,
    /// Existing sets that got some of them.
    pub joined: Vec<Joined>,
    /// New sets.
    pub new_sets: Vec<Joined>,
    /// Faces that are alone in their cluster, or for refined outputs in no set, all in all.
    pub left: usize,
    /// New faces that pins have sent elsewhere than their embeddings.
    pub pinned: usize,
    /// Faces of the output whose photo lies nowhere in the library any more: they have left their sets.
    pub gone: usize,
}

/// A set and how many faces it got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Joined {
    /// `person_NNN` or `faceset_NNN`.
    pub name: String,
    /// New faces in it.
    pub faces: usize,
}

/// Sets of a manifest as rows of the gallery.
struct KnownSets {
    names: Vec<String>,
    rows: Vec<Vec<usize>>,
    gone: usize,
}

impl KnownSets {
    fn new(index: &FaceIndex, sets: &[NamedSet]) -> Self {
        let mut gone = 0;
        let rows = sets
            .iter()
            .map(|set| {
                let (rows, missing) = rows(index, &set.faces);
                gone += missing;
                rows
            })
            .collect();
        Self { names: sets.iter().map(|set| set.name.clone()).collect(), rows, gone }
    }

    /// Puts more sets behind those that are there, under numbers past theirs and past `highest`, which are
    /// taken.
    fn append(&mut self, prefix: &str, highest: usize, sets: Vec<Vec<usize>>) {
        let highest = highest.max(highest_number(prefix, self.names.iter().map(String::as_str)));
        for (rows, number) in sets.into_iter().zip(highest + 1..) {
            self.names.push(set_name(prefix, number));
            self.rows.push(rows);
        }
    }

    /// The sets as a manifest has them.
    fn named(&self, gallery: &Gallery) -> Vec<NamedSet> {
        let sets = self.names.iter().zip(&self.rows);
        sets.map(|(name, rows)| named_set(gallery, name.clone(), rows)).collect()
    }

    /// Sets from `from` to `to` with the number of their faces that are among `new`.
    fn joined(&self, sets: std::ops::Range<usize>, new: &BTreeSet<usize>) -> Vec<Joined> {
        let count = |set: usize| self.rows[set].iter().filter(|row| new.contains(row)).count();
        sets.map(|set| Joined { name: self.names[set].clone(), faces: count(set) })
            .filter(|joined| joined.faces > 0)
            .collect()
    }
}

/// The set that a new face joins.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Home {
    set: usize,
    /// Cosine distance to its centroid; `None` where the user says so, whatever the distance.
    distance: Option<f32>,
}

/// The set that each new face joins; and how many of these answers pins have changed.
///
/// A face joins the set of a face that the user says is the same person's; else the nearest one within the
/// threshold of whose faces the user says nothing against it.
fn homes(
    gallery: &Gallery,
    sets: &[Vec<usize>],
    new: &[usize],
    threshold: CosineDistance,
    pins: &ResolvedPins,
) -> (Vec<Option<Home>>, usize) {
    let kinship = Kinship::of(pins);
    let mut near = Centroids::of(gallery, sets).within(gallery, new, threshold.get());
    for near in &mut near {
        near.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    }
    let mut changed = 0;
    let home = |(row, near): (&usize, Vec<Nearest>)| {
        let to = |near: &Nearest| Home { set: near.set, distance: Some(near.distance) };
        let nearest = near.first().map(to);
        if !kinship.knows(*row) {
            return nearest;
        }
        let has = |set: usize, is: &dyn Fn(usize) -> bool| sets[set].iter().any(|member| is(*member));
        let own = (0..sets.len()).find(|set| has(*set, &|member| kinship.are_together(*row, member)));
        let home = match own {
            Some(set) => Some(Home { set, distance: None }),
            None => {
                near.iter().find(|near| !has(near.set, &|member| kinship.are_apart(*row, member))).map(to)
            }
        };
        changed += usize::from(home.map(|home| home.set) != nearest.map(|near| near.set));
        home
    };
    let homes = new.iter().zip(near).map(home).collect();
    (homes, changed)
}

/// The rows of some entries, ascending, each once; and how many faces are no longer in the gallery.
fn rows(index: &FaceIndex, entries: &[FaceEntry]) -> (Vec<usize>, usize) {
    let (mut found, mut missing) = (BTreeSet::new(), BTreeSet::new());
    for entry in entries {
        match index.row(&entry.sha256, entry.bbox) {
            Some(row) => drop(found.insert(row)),
            None => drop(missing.insert((&entry.sha256, entry.bbox.map(f32::to_bits)))),
        }
    }
    (found.into_iter().collect(), missing.len())
}

/// Faces as entries, every alias one.
fn entries(gallery: &Gallery, rows: &[usize]) -> Vec<FaceEntry> {
    rows.iter().flat_map(|row| face_entries(gallery, *row)).collect()
}
