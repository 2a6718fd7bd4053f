//! Faces that came after a split: each joins an era by itself, or it does not.

use facesets_people::gallery::Gallery;

use super::{
    anchors::{Anchors, Fit, JoinParameters},
    years::Years,
};

/// What became of faces that were in no era; numbers of anchors are those of [`Anchors`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extended {
    /// Faces (rows of the gallery) with their anchor and the distance to its centroid.
    pub joined: Vec<(usize, usize, f32)>,
    /// Faces that joined none, and why.
    pub unjoined: Vec<(usize, Fit)>,
}

/// Sends each of some faces (rows of the gallery) to its era. What one face does changes nothing for the
/// next.
pub fn extend(
    gallery: &Gallery,
    faces: &[usize],
    years: &Years,
    anchors: &Anchors,
    parameters: &JoinParameters,
) -> Extended {
    let mut extended = Extended::default();
    for &face in faces {
        match anchors.fit(&gallery.embedding(face).to_owned(), years.of(face), parameters) {
            Fit::Joins { anchor, distance } => extended.joined.push((face, anchor, distance)),
            fit => extended.unjoined.push((face, fit)),
        }
    }
    extended
}
