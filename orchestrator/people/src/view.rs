//! What is known of the faces of a library under one contract, loaded once and handed down.

use crate::{
    consent::{ConsentBook, Statement},
    gallery::{FaceIndex, Gallery},
    pins::ResolvedPins,
};

/// The faces, and what users say of them.
#[derive(Debug)]
pub struct View {
    /// The faces.
    pub gallery: Gallery,
    /// The same by photo and box.
    pub index: FaceIndex,
    /// What users say of who is who.
    pub pins: ResolvedPins,
    /// What users say of consent.
    pub consent: ConsentBook,
}

impl View {
    /// The view of a gallery. `statements` are all that were ever made, oldest first.
    pub fn new(gallery: Gallery, pins: ResolvedPins, statements: &[Statement]) -> Self {
        let consent = ConsentBook::new(&gallery, statements);
        Self { index: FaceIndex::new(&gallery), gallery, pins, consent }
    }
}
