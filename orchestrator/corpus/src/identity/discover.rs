//! Identities among the faces of a folder that no set of the corpus covers.

use std::{collections::BTreeMap, path::Path};

use facesets_people::{
    cluster::ClusterError,
    consent::Withheld,
    drops::Drop,
    gallery::Gallery,
    grouping::Grouping,
    matching::Centroids,
    refine::{Gates, RefineParameters, order_by_size, order_thin, survivors, without_lying},
    threshold::CosineDistance,
};
use serde::Serialize;

use super::{Additions, MATCH_THRESHOLD, NewSet, faces_under, file_label};
use crate::{
    export::{
        ExportParameters,
        origin::{Origin, OriginKind},
    },
    extend::NEW_THRESHOLD,
    manifest::set_name,
};

/// Fewest distinct photos of a discovered set: fewer than `refine` demands, as the folder is small.
const MIN_FACES: usize = 4;

/// Every knob of `discover`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiscoverParameters {
    /// Cosine distance to the centroid of an existing set within which a face is covered by it.
    pub match_threshold: CosineDistance,
    /// Cosine distance at which the clustering of the other faces is cut.
    pub new_threshold: CosineDistance,
    /// What one face must be.
    pub gates: Gates,
    /// Fewest distinct photos of a new faceset.
    pub min_faces: usize,
}

impl Default for DiscoverParameters {
    fn default() -> Self {
        Self {
            match_threshold: MATCH_THRESHOLD,
            new_threshold: NEW_THRESHOLD,
            gates: Gates::default(),
            min_faces: MIN_FACES,
        }
    }
}

/// What was found; counts are of faces, aliases not counted.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Discovery {
    /// Faces below the folder.
    pub faces: usize,
    /// Faces covered by each existing set, most first.
    pub matches: Vec<SetMatches>,
    /// Faces that no set covers.
    pub unmatched: usize,
    /// Clusters of those.
    pub clusters: usize,
    /// Clusters that passed the gates.
    pub survivors: usize,
    /// Survivors that the export leaves something of, with their crops: before these are made, as many as
    /// there may be.
    pub emitted: Vec<SetMatches>,
    /// Survivors that it leaves nothing of; their numbers stay unused.
    pub gaps: Vec<SetMatches>,
    /// Photos of each cluster that has too few, most first.
    #[serde(skip)]
    pub thin: Vec<usize>,
    /// Faces that the gates left out.
    #[serde(skip)]
    pub dropped: Vec<Drop>,
}

impl Discovery {
    /// Puts the numbers of crops that were written in the place of those that were planned. Of sets that have
    /// none, all faces are left out; of those that are `withheld`, others tell.
    pub fn settle(&mut self, written: &BTreeMap<String, usize>, withheld: &[Withheld]) {
        let (emitted, gone): (Vec<_>, Vec<_>) =
            self.emitted.drain(..).partition(|set| written.contains_key(&set.name));
        self.emitted = emitted;
        for set in &mut self.emitted {
            set.faces = written[&set.name];
        }
        self.gaps.extend(gone.into_iter().filter(|set| withheld.iter().all(|held| held.name != set.name)));
    }
}

/// A set and a number of faces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetMatches {
    /// `faceset_NNN`, or what else stands for a person.
    pub name: String,
    /// Faces.
    pub faces: usize,
}

/// Existing identities that new ones must not collide with.
#[derive(Debug, Clone, Default)]
pub struct Canonical {
    /// Their names, for the summary.
    pub names: Vec<String>,
    /// Their faces (rows of the gallery).
    pub rows: Vec<Vec<usize>>,
    /// The first number that was never used.
    pub next_number: usize,
}

/// Looks for identities below `root`. Gates are those of `refine`; `export` says what is left of a set in the
/// end.
pub fn discover(
    gallery: &Gallery,
    root: &Path,
    canonical: &Canonical,
    parameters: &DiscoverParameters,
    export: &ExportParameters,
    grouping: &Grouping<'_>,
) -> Result<(Additions, Discovery), ClusterError> {
    let mut candidates = faces_under(gallery, root);
    let usable = grouping.usable(gallery);
    candidates.retain(|face| usable.binary_search(face).is_ok());
    let faces = candidates.len();
    let mut dropped = Vec::new();
    let candidates = without_lying(gallery, candidates, &parameters.gates, &mut dropped);
    let mut counts = vec![0; canonical.names.len()];
    let mut unmatched = Vec::new();
    let nearest = Centroids::of(gallery, &canonical.rows).nearest(gallery, &candidates);
    for (face, nearest) in candidates.iter().zip(nearest) {
        match nearest {
            Some(nearest) if nearest.distance <= parameters.match_threshold.get() => counts[nearest.set] += 1,
            _ => unmatched.push(*face),
        }
    }
    let mut matches: Vec<SetMatches> = canonical
        .names
        .iter()
        .zip(counts)
        .filter(|(_, faces)| *faces > 0)
        .map(|(name, faces)| SetMatches { name: name.clone(), faces })
        .collect();
    matches.sort_by_key(|set| std::cmp::Reverse(set.faces));

    let DiscoverParameters { gates, min_faces, .. } = *parameters;
    let gates = RefineParameters { gates, min_faces, ..RefineParameters::default() };
    let clusters = grouping.faces(gallery, &unmatched, parameters.new_threshold)?;
    let mut discovery = Discovery {
        faces,
        matches,
        unmatched: unmatched.len(),
        clusters: clusters.len(),
        dropped,
        ..Discovery::default()
    };
    let mut found = Vec::new();
    for cluster in clusters {
        match survivors(gallery, cluster, &gates, &mut discovery.dropped) {
            Ok(faces) => found.push(faces),
            Err(photos) => discovery.thin.push(photos),
        }
    }
    order_by_size(&mut found);
    order_thin(&mut discovery.thin);
    discovery.survivors = found.len();

    let bucket = root.file_name().map(|name| file_label(&name.to_string_lossy()));
    let mut additions = Additions { origin: OriginKind::Discovered, parameters: *export, sets: Vec::new() };
    for (rows, number) in found.into_iter().zip(canonical.next_number..) {
        let name = set_name("faceset", number);
        let set = NewSet { marker: bucket.clone(), ..NewSet::new(gallery, name.clone(), &rows) };
        let origin = Origin { kind: additions.origin, run: 0 };
        let exported = set.plan(gallery, rows.clone(), export, origin, grouping.pins).faces.len();
        let (list, faces) = match exported {
            0 => (&mut discovery.gaps, rows.len()),
            exported => (&mut discovery.emitted, exported),
        };
        list.push(SetMatches { name, faces });
        additions.sets.push(set);
    }
    Ok((additions, discovery))
}
