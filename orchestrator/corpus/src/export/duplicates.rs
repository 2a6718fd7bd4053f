//! Crops that show the same picture as better ones of their set: found among the drafts, by the files that
//! were written.
//!
//! Hashing what was cut, not the photos, spares decoding these again, and works on crops that are taken over
//! from other sets too.

use facesets_imaging::RgbImage;
use facesets_people::{
    dedup::{MAX_DIFFERENT_BITS, hash::difference_hash},
    drops::DropReason,
};
use image::imageops;
use rayon::prelude::*;

use super::{
    collapse::{Duplicate, collapse, hashed_part, with_a_twin},
    draft::{Draft, State},
    plan::MIN_PAD_RATIO,
    renderer::{RenderError, Renderer, at},
};

/// Decides anew which drafts are duplicates of better ones; those without a crop stand for nobody.
pub(super) fn set_aside(renderer: &Renderer<'_>, drafts: &mut [Draft]) -> Result<(), RenderError> {
    let Some(least) = renderer.parameters.duplicate_similarity.get() else { return Ok(()) };
    drafts.chunk_by_mut(|a, b| a.set == b.set).try_for_each(|set| {
        if renderer.stop.is_cancelled() {
            return Err(RenderError::Stopped);
        }
        let mut set: Vec<&mut Draft> = set.iter_mut().filter(|draft| draft.png().is_some()).collect();
        let ranked: Vec<usize> = set.iter().map(|draft| draft.face.face).collect();
        let twins = with_a_twin(&renderer.view.gallery, &ranked, least);
        let hash = |(draft, has_twin): (&&mut Draft, bool)| {
            has_twin.then(|| hash_of(draft, renderer.parameters.pad_ratio)).transpose()
        };
        let hashes = set.par_iter().zip(twins).map(hash).collect::<Result<Vec<_>, RenderError>>()?;
        let duplicates = collapse(&renderer.view.gallery, &ranked, &hashes, least);
        for (draft, duplicate) in set.iter_mut().zip(duplicates) {
            draft.duplicate = duplicate;
        }
        Ok(())
    })
}

/// Whether a draft is set aside for one that turned out to be no crop to hand out.
pub(super) fn someone_stands_for_nobody(drafts: &[Draft]) -> bool {
    drafts.chunk_by(|a, b| a.set == b.set).any(|set| {
        let has_crop = |face: usize| set.iter().any(|draft| draft.face.face == face && draft.png().is_some());
        set.iter().filter_map(|draft| draft.duplicate).any(|duplicate| !has_crop(duplicate.of))
    })
}

/// The rule that a crop did not satisfy, or why there is none.
pub(super) fn left_out(renderer: &Renderer<'_>, draft: &Draft) -> Option<DropReason> {
    match (&draft.state, draft.duplicate) {
        (State::LeftOut(reason), _) => Some(reason.clone()),
        (State::Lost(why) | State::Unseen(why), _) => Some(DropReason::NoCrop { why: why.clone() }),
        (State::Made(_) | State::Good(..), Some(Duplicate { of, similarity, different_bits })) => {
            let photo = renderer.view.gallery.content_of(of);
            Some(DropReason::VisualDuplicate {
                path: photo.canonical().text(),
                sha256: photo.sha256.to_string(),
                similarity,
                min: renderer.parameters.duplicate_similarity.get()?,
                different_bits,
                max_different_bits: MAX_DIFFERENT_BITS,
            })
        }
        (State::Made(_) | State::Good(..), None) => None,
        (State::Open, _) => unreachable!("every crop is cut"),
    }
}

/// The hash of the face in the file of a crop. `pad_ratio` is the padding that was asked for.
fn hash_of(draft: &Draft, pad_ratio: f32) -> Result<u64, RenderError> {
    let failed = |error: &dyn std::fmt::Display| at(&draft.path)(std::io::Error::other(error.to_string()));
    let crop = image::open(&draft.path).map_err(|error| failed(&error))?.into_rgb8();
    // No crop of the set is narrower.
    let part = hashed_part(pad_ratio.min(MIN_PAD_RATIO), draft.face.pad_ratio);
    difference_hash(&middle(&crop, part)).map_err(|error| failed(&error))
}

/// The middle of a square picture, with so large a part of its side.
fn middle(picture: &RgbImage, part: f32) -> RgbImage {
    let side = ((picture.width() as f32 * part).round() as u32).max(1);
    let margin = (picture.width() - side.min(picture.width())) / 2;
    imageops::crop_imm(picture, margin, margin, side, side).to_image()
}
