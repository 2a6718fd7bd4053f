//! Constructed galleries for unit tests: people are axes, noise is an angle.

use facesets_base::location::Location;
use facesets_core::{BBox, Sha256Digest};
use ndarray::Array2;

use crate::gallery::{Absent, Content, Gallery, GalleryFace};

/// Axes for people.
const PEOPLE: usize = 8;

/// A gallery of faces (person, angle in radians towards an axis of its own), each in a photo of its own, all
/// passing every gate.
pub fn gallery_of(faces: &[(usize, f32)]) -> Gallery {
    let mut embeddings = Array2::zeros((faces.len(), PEOPLE + faces.len()));
    for (i, (person, angle)) in faces.iter().enumerate() {
        embeddings[[i, *person]] = angle.cos();
        embeddings[[i, PEOPLE + i]] = angle.sin();
    }
    let content = |i: usize| Content {
        sha256: Sha256Digest::of(&i.to_le_bytes()),
        locations: vec![Location::file(format!("/photos/{i:03}.jpg"))],
        width: 1000,
        height: 1000,
        bytes: 1000,
        capture_year: None,
    };
    let face = |content: usize| GalleryFace {
        content,
        number: 0,
        bbox: BBox { x1: 10.0, y1: 10.0, x2: 210.0, y2: 230.0 },
        det_score: 0.9,
        norm: 20.0,
        blur: 100.0,
        landmarks_68: Vec::new(),
        roll: None,
        pose: None,
    };
    Gallery {
        contract: "face/test".to_owned(),
        contents: (0..faces.len()).map(content).collect(),
        faces: (0..faces.len()).map(face).collect(),
        embeddings,
        absent: Absent::default(),
    }
}
