//! Crops that were made by somebody else and keep their bytes: looked at as our own are, but never cut again.

use std::path::PathBuf;

use facesets_core::Sha256Digest;
use facesets_people::{cluster::centroid, drops::DropReason, threshold::CosineDistance};
use ndarray::ArrayRef1;

use super::{
    PlannedFace,
    certify::certify,
    draft::{Draft, State},
    losses::{Maker, refuse_losses},
    renderer::{Certify, RenderError, Renderer},
};
use crate::certificate::{Reading, cosine_to, effective_identity};

/// Every face is nearer.
const ANY_DISTANCE: CosineDistance = CosineDistance::literal(2.0);

/// A crop of a set that lies in its place already.
#[derive(Debug, Clone)]
pub struct KeptCrop {
    /// The face that it shows.
    pub face: PlannedFace,
    /// The file.
    pub path: PathBuf,
}

/// What became of a [`KeptCrop`].
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It stays; with what was seen in it, where somebody looked.
    Stays(Sha256Digest, Option<Reading>),
    /// It does not show one face that is like its set.
    LeftOut(DropReason),
    /// No worker can look at it, which was reported.
    Unseen,
}

/// Looks at the crops of sets, each once, and returns a verdict for each.
///
/// A face that is in its set although it is farther from the centroid than the export allows was put there by
/// somebody who knew better: of its crop only one face is demanded, not likeness. `name` is that of a set by
/// its place.
pub fn look(
    renderer: &Renderer<'_>,
    sets: &[Vec<KeptCrop>],
    name: &dyn Fn(usize) -> String,
) -> Result<Vec<Vec<Verdict>>, RenderError> {
    let Renderer { view, parameters, .. } = *renderer;
    let gallery = &view.gallery;
    let mut drafts = Vec::new();
    for (number, crops) in sets.iter().enumerate() {
        let mut rows: Vec<usize> = crops.iter().map(|crop| crop.face.face).collect();
        rows.sort_unstable();
        let centre = centroid(&gallery.embeddings, &rows);
        for KeptCrop { face, path } in crops {
            let distance = 1.0 - gallery.embedding(face.face).dot(&centre);
            let allowed = parameters.outlier_threshold;
            let farthest = if distance > allowed.get() { ANY_DISTANCE } else { allowed };
            drafts.push(Draft::kept(number, *face, path.clone(), farthest)?);
        }
    }
    if let Certify::By(examiner, losses) = renderer.certify {
        certify(renderer, examiner, &mut drafts)?;
        refuse_losses(losses, Maker::SomebodyElse, &drafts, name)?;
    }
    let mut verdicts = vec![Vec::new(); sets.len()];
    for draft in drafts {
        verdicts[draft.set].push(match draft.state {
            State::Made(png) => Verdict::Stays(png, None),
            State::Good(png, reading) => Verdict::Stays(png, Some(reading)),
            State::LeftOut(reason) => Verdict::LeftOut(reason),
            State::Lost(_) | State::Unseen(_) | State::Open => Verdict::Unseen,
        });
    }
    Ok(verdicts)
}

/// Cosine similarity to a set's centroid of the identity that consumers average from crops; `None` where
/// nobody looked at one of them.
pub(crate) fn identity_cosine<'a>(
    readings: impl IntoIterator<Item = Option<&'a Reading>>,
    centroid: &ArrayRef1<f32>,
) -> Option<f32> {
    let readings: Option<Vec<&Reading>> = readings.into_iter().collect();
    readings.and_then(effective_identity).map(|identity| cosine_to(centroid, &identity))
}
