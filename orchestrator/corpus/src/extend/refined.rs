//! New faces into the facesets of `refine`.

use std::collections::{BTreeMap, BTreeSet};

use facesets_people::{
    cluster::ClusterError,
    drops::{Drop, DropReason, Gate},
    gallery::{FaceIndex, Gallery},
    grouping::Grouping,
    refine::{gate, order_by_size, ruled_out, survivors, without_lying},
};

use super::{ExtendParameters, Extension, KnownSets, homes, rows};
use crate::manifest::{DroppedFace, RefinedManifest, dropped_faces, highest_number, non_utf8_paths};

/// Extends the facesets of `old` with the faces of `gallery` that it does not know, by its own parameters.
///
/// A new face joins the faceset whose centroid (of the old members) is nearest, if that is near enough and
/// the face passes the gates. The others are clustered together with the faces whose set had too few photos:
/// a person becomes a faceset once there are photos enough. All other drops stand. New facesets get numbers
/// past all that `old` ever had and past `highest`, which are taken elsewhere.
pub fn extend_refined(
    gallery: &Gallery,
    old: &RefinedManifest,
    highest: usize,
    parameters: &ExtendParameters,
    grouping: &Grouping<'_>,
) -> Result<(RefinedManifest, Extension), ClusterError> {
    let index = FaceIndex::new(gallery);
    let mut sets = KnownSets::new(&index, &old.facesets);
    let (drops, gone_drops) = old_drops(&index, &old.dropped);
    let known: BTreeSet<usize> =
        sets.rows.iter().flatten().copied().chain(drops.iter().map(|drop| drop.face)).collect();
    let new: Vec<usize> = grouping.usable(gallery).into_iter().filter(|row| !known.contains(row)).collect();
    let new_rows: BTreeSet<usize> = new.iter().copied().collect();

    let ruled_out: BTreeMap<usize, Drop> = ruled_out(grouping.pins).map(|drop| (drop.face, drop)).collect();
    let waits = |drop: &Drop| drop.reason.gate() == Gate::TooFewImages;
    let as_said = |drop: Drop| ruled_out.get(&drop.face).filter(|_| waits(&drop)).cloned().unwrap_or(drop);
    let (waiting, mut dropped): (Vec<Drop>, Vec<Drop>) = drops.into_iter().map(as_said).partition(waits);
    dropped.extend(ruled_out.values().filter(|drop| !known.contains(&drop.face)).cloned());
    let mut rest: Vec<usize> = waiting.iter().map(|drop| drop.face).collect();
    let comparable = without_lying(gallery, new.clone(), &old.parameters.gates, &mut dropped);
    let outlier = old.parameters.outlier_threshold.get();
    let (homes, moved) = homes(gallery, &sets.rows, &comparable, parameters.match_threshold, grouping.pins);
    for (row, home) in comparable.iter().zip(homes) {
        match home {
            Some(home) => {
                let too_far = home.distance.filter(|distance| *distance > outlier);
                let reason = gate(gallery, *row, &old.parameters.gates)
                    .or(too_far.map(|distance| DropReason::Outlier { distance, max: outlier }));
                match reason {
                    Some(reason) => dropped.push(Drop { face: *row, reason }),
                    None => sets.rows[home.set].push(*row),
                }
            }
            None => rest.push(*row),
        }
    }
    sets.rows.iter_mut().for_each(|rows| rows.sort_unstable());
    rest.sort_unstable();

    let mut found = Vec::new();
    for cluster in grouping.faces(gallery, &rest, parameters.new_threshold)? {
        if cluster.iter().any(|row| new_rows.contains(row)) {
            found.extend(survivors(gallery, cluster, &old.parameters, &mut dropped));
        } else {
            dropped.extend(waiting.iter().filter(|drop| cluster.binary_search(&drop.face).is_ok()).cloned());
        }
    }
    order_by_size(&mut found);
    let before = sets.names.len();
    sets.append("faceset", highest.max(old.highest()), found);
    dropped.sort_by_key(|drop| drop.face);

    let extension = Extension {
        new_faces: new.len(),
        joined: sets.joined(0..before, &new_rows),
        new_sets: sets.joined(before..sets.names.len(), &new_rows),
        pinned: moved,
        left: dropped.len(),
        gone: sets.gone + gone_drops,
    };
    let added = sets.names[before..].iter().map(String::as_str);
    let manifest = RefinedManifest {
        facesets: sets.named(gallery),
        highest_number: old.highest_number.max(highest_number("faceset", added)),
        dropped: dropped_faces(gallery, &dropped),
        non_utf8_paths: non_utf8_paths(gallery),
        ..old.clone()
    };
    Ok((manifest, extension))
}

/// The drops of a manifest as rows, and how many of their faces are no longer in the gallery.
fn old_drops(index: &FaceIndex, dropped: &[DroppedFace]) -> (Vec<Drop>, usize) {
    let mut drops = Vec::new();
    let mut gone = 0;
    for DroppedFace { face, reason } in dropped {
        let (found, missing) = rows(index, std::slice::from_ref(face));
        gone += missing;
        drops.extend(found.into_iter().map(|face| Drop { face, reason: reason.clone() }));
    }
    (drops, gone)
}
