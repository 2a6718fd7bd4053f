//! Faces that lie on their side or stand on their head, which no recogniser knows well: who they are, and
//! which photos are to be turned. Pure.
//!
//! In crops they are sideways too, and their embeddings are at a cosine of 0.7 to 0.9 from those of the same
//! faces upright. So they are gated, and count for nothing in a centroid. Nothing is turned here: a photo
//! that lies is turned by whoever knows that it does.

use std::collections::BTreeSet;

use facesets_core::UPRIGHT_DEGREES;

use crate::{drops::DropReason, gallery::Gallery};

/// Most degrees by which a face of a set is turned. Of 490 faces of photos turned by quarters it tells 99 of
/// 100 from those that were not; in photos as they are, faces are at 36° or less.
pub const MAX_ROLL: f32 = UPRIGHT_DEGREES;

/// Parses degrees of a turn to either side.
pub fn turn(text: &str) -> Result<f32, String> {
    let fits = |value: &f32| (0.0..=180.0).contains(value);
    text.parse().ok().filter(fits).ok_or_else(|| "degrees from 0 to 180 are needed".to_owned())
}

/// Whether a face is turned by more than `max` degrees, with the figures. One whose points say nothing is
/// not.
pub fn on_its_side(gallery: &Gallery, face: usize, max: f32) -> Option<DropReason> {
    let degrees = gallery.faces[face].roll.filter(|degrees| degrees.abs() > max)?;
    Some(DropReason::OnItsSide { degrees, max })
}

/// The faces of a set (rows of the gallery) whose mean is its centroid: the upright ones; all of them where
/// none is.
pub fn upright(gallery: &Gallery, rows: &[usize]) -> Vec<usize> {
    let upright = rows.iter().copied().filter(|row| on_its_side(gallery, *row, MAX_ROLL).is_none());
    let upright: Vec<usize> = upright.collect();
    if upright.is_empty() { rows.to_vec() } else { upright }
}

/// The photos of some faces that lie (rows of the gallery) that are to be turned, by canonical path: those in
/// which no face is upright. Of a photo in which somebody lies and others do not, nothing is to be said. How
/// to turn them is not said either: detectors take left for right in one of ten photos that lie on their
/// side.
pub fn lying_photos(gallery: &Gallery, faces: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    let mut photos: BTreeSet<usize> = faces.into_iter().map(|face| gallery.faces[face].content).collect();
    let lies = |face: usize| on_its_side(gallery, face, MAX_ROLL).is_some();
    for face in (0..gallery.faces.len()).filter(|face| !lies(*face)) {
        photos.remove(&gallery.faces[face].content);
    }
    photos.into_iter().map(|photo| gallery.contents[photo].canonical().text()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::gallery_of;

    /// Faces with these turns, two in the first photo.
    fn gallery(rolls: &[Option<f32>]) -> Gallery {
        let mut gallery = gallery_of(&vec![(0, 0.0); rolls.len()]);
        for (face, roll) in gallery.faces.iter_mut().zip(rolls) {
            face.roll = *roll;
        }
        gallery.faces[1].content = 0;
        gallery
    }

    #[test]
    fn a_face_may_be_tilted_but_not_lie() {
        let gallery = gallery(&[None, Some(44.0), Some(-44.0), Some(46.0), Some(-120.0), Some(180.0)]);
        let lies: Vec<bool> = (0..6).map(|face| on_its_side(&gallery, face, MAX_ROLL).is_some()).collect();
        assert_eq!(lies, [false, false, false, true, true, true]);
        assert_eq!(
            on_its_side(&gallery, 5, MAX_ROLL),
            Some(DropReason::OnItsSide { degrees: 180.0, max: 45.0 })
        );
        assert_eq!(on_its_side(&gallery, 5, 180.0), None, "the gate can be turned off");
        assert_eq!(upright(&gallery, &[0, 1, 4, 5]), [0, 1]);
        assert_eq!(upright(&gallery, &[4, 5]), [4, 5], "else there were no centroid");
    }

    #[test]
    fn a_photo_is_to_be_turned_if_nobody_in_it_is_upright() {
        let names = |rolls: &[Option<f32>]| -> Vec<String> {
            lying_photos(&gallery(rolls), 0..rolls.len()).into_iter().collect()
        };
        let rolls = [Some(80.0), Some(-95.0), Some(-70.0), Some(-170.0), Some(12.0), None];
        assert_eq!(names(&rolls), ["/photos/000.jpg", "/photos/002.jpg", "/photos/003.jpg"]);
        assert_eq!(names(&[Some(80.0), Some(5.0)]), Vec::<String>::new(), "one of two lies");
    }

    #[test]
    fn degrees_are_from_upright_to_upside_down() {
        assert_eq!((turn("0"), turn("180")), (Ok(0.0), Ok(180.0)));
        for text in ["-1", "181", "NaN", "half"] {
            assert!(turn(text).is_err(), "{text}");
        }
    }
}
