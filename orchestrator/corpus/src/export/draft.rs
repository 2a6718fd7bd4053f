//! Crops on their way: to be cut, written, found good, or left out for a reason.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
};

use facesets_core::Sha256Digest;
use facesets_people::{drops::DropReason, gallery::Gallery, threshold::CosineDistance};

use super::{
    collapse::Duplicate,
    plan::{Padding, PlannedFace, other_paddings},
    renderer::{RenderError, at},
};
use crate::certificate::{Reading, Seen};

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
    /// Farthest cosine distance of the face that is found in it to its set's centroid, where that is not the
    /// export's own.
    pub(super) farthest: Option<CosineDistance>,
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
    /// It could not be made, which was reported with this reason.
    Lost(String),
    /// It could not be looked at, which was reported with this reason.
    Unseen(String),
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
            State::Open | State::LeftOut(_) | State::Lost(_) | State::Unseen(_) => None,
        }
    }

    /// What was seen in it, if it was looked at.
    pub(super) fn reading(&self) -> Option<&Reading> {
        if let State::Good(_, reading) = &self.state { Some(reading) } else { None }
    }

    /// Another padding, or out.
    pub(super) fn found_wanting(&mut self, gallery: &Gallery, fault: Fault) {
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
pub(super) enum Fault {
    /// Not one face.
    Faces(Seen),
    /// One, but not that of the set, or too distorted to be known.
    Unlike { distance: f32, max: f32 },
}

fn digest_of(path: &Path) -> Result<Sha256Digest, RenderError> {
    let (sha256, _) = fs::File::open(path).and_then(Sha256Digest::of_reader).map_err(at(path))?;
    Ok(sha256)
}
