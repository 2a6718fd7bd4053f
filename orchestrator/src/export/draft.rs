//! Crops that are being made: cut, looked at, and cut again until each is good or given up.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    path::{Path, PathBuf},
};

use facesets_core::Sha256Digest;
use ndarray::Array1;

use super::{
    collapse::Duplicate,
    cut::cut,
    plan::{Padding, PlannedFace, other_paddings},
    render::{RenderError, Renderer, at},
};
use crate::{
    certificate::{Examine, Reading, Seen, cosine_to},
    cluster::centroid,
    gallery::Gallery,
    manifest::path_text,
    refine::DropReason,
    threshold::CosineDistance,
};

/// A crop on its way.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// Which set it is for.
    pub(super) set: usize,
    /// How it is cut now.
    pub(super) face: PlannedFace,
    /// Where it is written.
    pub(super) path: PathBuf,
    /// Where it stands.
    pub(super) state: State,
    /// Farthest cosine distance of the face that is found in it to its set's centroid, where that is not the export's own.
    farthest: Option<CosineDistance>,
    /// The better crop that shows the same picture, so that this one is neither looked at nor handed out.
    pub(super) duplicate: Option<Duplicate>,
    /// Paddings that were not tried yet, once the first one was found wanting.
    others: Option<VecDeque<f32>>,
    /// Paddings that were tried.
    tried: usize,
}

/// Where a crop stands.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// To be cut.
    Open,
    /// Written, with this digest.
    Made(Sha256Digest),
    /// Looked at and found good.
    Good(Sha256Digest, Reading),
    /// Left out for a reason.
    LeftOut(DropReason),
    /// It could not be made or looked at, which was reported.
    Lost,
}

impl Draft {
    pub(super) fn new(set: usize, face: PlannedFace, path: PathBuf) -> Self {
        Self { set, face, path, state: State::Open, farthest: None, duplicate: None, others: None, tried: 0 }
    }

    /// One that lies in its place already and stays as it is, or is left out.
    pub(super) fn kept(
        set: usize,
        face: PlannedFace,
        path: PathBuf,
        farthest: CosineDistance,
    ) -> Result<Self, RenderError> {
        let state = State::Made(digest_of(&path)?);
        Ok(Self {
            state,
            farthest: Some(farthest),
            others: Some(VecDeque::new()),
            ..Self::new(set, face, path)
        })
    }

    /// One that was made before, in `file`.
    pub(super) fn copied(
        set: usize,
        face: PlannedFace,
        path: PathBuf,
        file: &Path,
    ) -> Result<Self, RenderError> {
        fs::copy(file, &path).map_err(at(&path))?;
        Ok(Self { state: State::Made(digest_of(&path)?), ..Self::new(set, face, path) })
    }

    /// The digest of the file, if there is one to keep.
    pub(super) fn png(&self) -> Option<Sha256Digest> {
        match &self.state {
            State::Made(png) | State::Good(png, _) => Some(*png),
            State::Open | State::LeftOut(_) | State::Lost => None,
        }
    }

    /// What was seen in it, if it was looked at.
    pub(super) fn reading(&self) -> Option<&Reading> {
        if let State::Good(_, reading) = &self.state { Some(reading) } else { None }
    }

    /// Another padding, or out.
    fn found_wanting(&mut self, gallery: &Gallery, fault: Fault) {
        let Self { face, others, tried, state, .. } = self;
        *tried += 1;
        let change = match fault {
            Fault::Faces(Seen { faces: 2.., .. }) => Padding::Narrower,
            Fault::Faces(_) | Fault::Unlike { .. } => Padding::Wider,
        };
        let others = others.get_or_insert_with(|| other_paddings(gallery, face, change).into());
        let paddings = *tried;
        *state = match (others.pop_front(), fault) {
            (Some(padding), _) => {
                face.pad_ratio = padding;
                State::Open
            }
            (None, Fault::Faces(Seen { det_size, faces })) => {
                State::LeftOut(DropReason::NotOneFace { det_size, faces, paddings })
            }
            (None, Fault::Unlike { distance, max }) => {
                State::LeftOut(DropReason::UnlikeInCrop { distance, max, paddings })
            }
        };
    }
}

/// What is wrong with a crop.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Not one face.
    Faces(Seen),
    /// One, but not that of the set, or too distorted to be known.
    Unlike { distance: f32, max: f32 },
}

/// What is wrong with a crop of a set with this centroid. Whether its one face is the right one is told by the rule
/// that let the face into the set.
fn fault(reading: &Reading, centroid: &Array1<f32>, max: CosineDistance) -> Option<Fault> {
    if let Some(seen) = reading.fault() {
        return Some(Fault::Faces(seen));
    }
    let distances = reading.embeddings.iter().map(|face| 1.0 - cosine_to(centroid, face.unit.as_slice()));
    let farthest = distances.reduce(f32::max)?;
    let max = max.get();
    (farthest > max).then_some(Fault::Unlike { distance: farthest, max })
}

/// Has every crop looked at that is no duplicate. One in which not exactly one face is found, or one that is not like its set, is cut
/// again with other paddings, then left out.
pub(super) fn certify(
    renderer: &Renderer<'_>,
    examiner: &dyn Examine,
    drafts: &mut [Draft],
) -> Result<(), RenderError> {
    let farthest = renderer.parameters.outlier_threshold;
    let centroids = centroids(renderer.gallery, drafts);
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
                        Some(fault) => draft.found_wanting(renderer.gallery, fault),
                    }
                }
                unread => {
                    let reason = unread.map_or("it was not looked at", |reading| match reading {
                        Err(reason) => reason.as_str(),
                        Ok(_) => unreachable!("the other arm takes those"),
                    });
                    let photo = renderer.gallery.content_of(draft.face.face).canonical_path();
                    renderer.monitor.problem(&path_text(photo), &format!("its crop: {reason}"));
                    draft.state = State::Lost;
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

fn digest_of(path: &Path) -> Result<Sha256Digest, RenderError> {
    let (sha256, _) = fs::File::open(path).and_then(Sha256Digest::of_reader).map_err(at(path))?;
    Ok(sha256)
}
