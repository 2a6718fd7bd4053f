//! Crops are looked at, and cut again until each is good or given up.

use std::{collections::BTreeMap, path::PathBuf};

use facesets_core::Sha256Digest;
use facesets_people::{cluster::centroid, gallery::Gallery, threshold::CosineDistance};
use ndarray::Array1;

use super::{
    cut::cut,
    draft::{Draft, Fault, State},
    renderer::{RenderError, Renderer},
};
use crate::certificate::{Examine, Reading, cosine_to};

/// Has every crop looked at that is no duplicate. One in which not exactly one face is found, or one that is
/// not like its set, is cut again with other paddings, then left out.
pub(super) fn certify(
    renderer: &Renderer<'_>,
    examiner: &dyn Examine,
    drafts: &mut [Draft],
) -> Result<(), RenderError> {
    let farthest = renderer.parameters.outlier_threshold;
    let centroids = centroids(&renderer.view.gallery, drafts);
    loop {
        let made = drafts.iter().filter_map(|draft| match draft.state {
            State::Made(png) if draft.duplicate.is_none() => Some((png, draft.path.clone())),
            _ => None,
        });
        let crops: BTreeMap<Sha256Digest, PathBuf> = made.collect();
        if crops.is_empty() {
            return Ok(());
        }
        let mut readings = examiner.examine(&crops)?;
        for draft in drafts.iter_mut() {
            let (State::Made(png), None) = (&draft.state, draft.duplicate) else { continue };
            let png = *png;
            match readings.get_mut(&png) {
                Some(Ok(reading)) => {
                    let farthest = draft.farthest.unwrap_or(farthest);
                    match fault(reading, &centroids[&draft.set], farthest) {
                        None => draft.state = State::Good(png, reading.clone()),
                        Some(fault) => draft.found_wanting(&renderer.view.gallery, fault),
                    }
                }
                unread => {
                    let reason = unread.map_or("it was not looked at", |reading| match reading {
                        Err(reason) => reason.as_str(),
                        Ok(_) => unreachable!("the other arm takes those"),
                    });
                    let photo = renderer.view.gallery.content_of(draft.face.face).canonical();
                    renderer.monitor.problem(&photo.text(), &format!("its crop: {reason}"));
                    draft.state = State::Unseen(reason.to_owned());
                }
            }
        }
        cut(renderer, drafts)?;
    }
}

/// The centroid of each set that has drafts.
fn centroids(gallery: &Gallery, drafts: &[Draft]) -> BTreeMap<usize, Array1<f32>> {
    let mut rows: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for draft in drafts {
        rows.entry(draft.set).or_default().push(draft.face.face);
    }
    let centroid_of = |mut rows: Vec<usize>| {
        rows.sort_unstable();
        centroid(&gallery.embeddings, &rows)
    };
    rows.into_iter().map(|(set, rows)| (set, centroid_of(rows))).collect()
}

/// What is wrong with a crop of a set with this centroid. Whether its one face is the right one is told by
/// the rule that let the face into the set.
fn fault(reading: &Reading, centroid: &Array1<f32>, max: CosineDistance) -> Option<Fault> {
    if let Some(seen) = reading.fault() {
        return Some(Fault::Faces(seen));
    }
    let distances = reading.embeddings.iter().map(|face| 1.0 - cosine_to(centroid, face.unit.as_slice()));
    let farthest = distances.reduce(f32::max)?;
    let max = max.get();
    (farthest > max).then_some(Fault::Unlike { distance: farthest, max })
}
