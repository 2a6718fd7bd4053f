//! New faces into the folders of `cluster`.

use std::collections::BTreeSet;

use facesets_people::{
    cluster::ClusterError,
    gallery::{FaceIndex, Gallery},
    grouping::Grouping,
    refine::order_by_size,
};

use super::{ExtendParameters, Extension, KnownSets, entries, homes, rows};
use crate::manifest::{ClusterManifest, non_utf8_paths, photo_entries};

/// Extends the clusters of `old` with the faces of `gallery` that it does not know.
///
/// A new face joins the person whose centroid (of the old members) is nearest, if that is near enough. The
/// others are clustered together with the old singletons: a stranger who is seen again becomes a person.
/// Clusters without a new face stay as they were.
pub fn extend_clusters(
    gallery: &Gallery,
    old: &ClusterManifest,
    parameters: &ExtendParameters,
    grouping: &Grouping<'_>,
) -> Result<(ClusterManifest, Extension), ClusterError> {
    let index = FaceIndex::new(gallery);
    let mut persons = KnownSets::new(&index, &old.persons);
    let (singletons, gone_singletons) = rows(&index, &old.singletons);
    let known: BTreeSet<usize> = persons.rows.iter().flatten().chain(&singletons).copied().collect();
    let new: Vec<usize> = grouping.wanted(gallery).into_iter().filter(|row| !known.contains(row)).collect();
    let new_rows: BTreeSet<usize> = new.iter().copied().collect();

    let mut rest = singletons;
    let (homes, moved) = homes(gallery, &persons.rows, &new, parameters.match_threshold, grouping.pins);
    for (row, home) in new.iter().zip(homes) {
        match home {
            Some(home) => persons.rows[home.set].push(*row),
            None => rest.push(*row),
        }
    }
    persons.rows.iter_mut().for_each(|rows| rows.sort_unstable());
    rest.sort_unstable();

    let clusters = grouping.faces(gallery, &rest, parameters.new_threshold)?;
    let is_person =
        |cluster: &Vec<usize>| cluster.len() > 1 && cluster.iter().any(|row| new_rows.contains(row));
    let (mut found, left): (Vec<_>, Vec<_>) = clusters.into_iter().partition(is_person);
    order_by_size(&mut found);
    let before = persons.names.len();
    persons.append("person", 0, found);
    let mut left = left.concat();
    left.sort_unstable();

    let extension = Extension {
        new_faces: new.len(),
        joined: persons.joined(0..before, &new_rows),
        new_sets: persons.joined(before..persons.names.len(), &new_rows),
        pinned: moved,
        left: left.len(),
        gone: persons.gone + gone_singletons,
    };
    let manifest = ClusterManifest {
        persons: persons.named(gallery),
        singletons: entries(gallery, &left),
        noface: photo_entries(gallery),
        non_utf8_paths: non_utf8_paths(gallery),
        ..old.clone()
    };
    Ok((manifest, extension))
}
