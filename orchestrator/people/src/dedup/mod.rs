//! Photos that are there more than once: the same bytes at several places, and copies that were scaled,
//! recompressed or retouched. Pure.
//!
//! Two photos are near-duplicates when both hold:
//! 1. some face of the one and some face of the other are the same to the recogniser: cosine similarity ≥
//!    0.95 ([`SAME_FACE`]). Two photos of one person, even of one session, are rarely above 0.9. A photo
//!    without a face is a near-duplicate of none;
//! 2. they look the same as a whole: of the 64 bits of their difference hashes ([`hash`]) at most 10 differ
//!    ([`MAX_DIFFERENT_BITS`]). This tells a copy from a crop, and from the next photo of a burst where
//!    people moved.
//!
//! A group is what near-duplicates connect: every photo is a near-duplicate of some other one of its group
//! and of none outside it. Chains count, so that two of a group may differ by more; what each is most like is
//! told.

pub mod hash;
pub mod report;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use ndarray::Axis;

use crate::{
    cluster::{ClusterError, Watch, pairs_within},
    gallery::Gallery,
    threshold::CosineDistance,
};

/// Cosine distance up to which two faces are the same picture: similarity 0.95.
pub const SAME_FACE: CosineDistance = CosineDistance::literal(0.05);

/// Most bits in which the hashes of two pictures of the same scene differ, out of 64.
pub const MAX_DIFFERENT_BITS: u32 = 10;

/// What near-duplicates have in common.
#[derive(Debug, Clone, Copy)]
pub struct Criterion {
    /// Most cosine distance of a face of one to a face of the other.
    pub same_face: CosineDistance,
    /// Most bits, of 64, in which the difference hashes differ.
    pub max_different_bits: u32,
}

/// A photo in a group of near-duplicates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Member {
    /// Number of its content.
    pub photo: usize,
    /// The near-duplicate that it is most like.
    pub most_like: Twin,
}

/// What a photo is a near-duplicate of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Twin {
    /// Number of the other's content.
    pub of: usize,
    /// Cosine similarity of the two faces that are most alike.
    pub similarity: f32,
    /// Bits in which the hashes of the two photos differ.
    pub different_bits: u32,
}

/// Bits in which two hashes differ, out of 64.
pub fn different_bits(a: u64, b: u64) -> u32 {
    (a ^ b).count_ones()
}

/// Photos (numbers of contents) that share a face with another one: only their hashes are needed. O(n²·d)
/// time for n faces.
pub fn candidates(
    gallery: &Gallery,
    same_face: CosineDistance,
    watch: &dyn Watch,
) -> Result<BTreeSet<usize>, ClusterError> {
    let shared: Vec<AtomicBool> = gallery.contents.iter().map(|_| AtomicBool::new(false)).collect();
    pairs_within(&gallery.embeddings, same_face, watch, |a, b, _| {
        let (a, b) = (gallery.faces[a].content, gallery.faces[b].content);
        if a != b {
            shared[a].store(true, Relaxed);
            shared[b].store(true, Relaxed);
        }
    })?;
    Ok((0..shared.len()).filter(|photo| shared[*photo].load(Relaxed)).collect())
}

/// Groups of near-duplicates among photos with a hash, each in the gallery's order, in the order of their
/// first photos.
///
/// O(n²·d) time for the n faces of these photos; the memory does not grow with the number of pairs.
pub fn groups(
    gallery: &Gallery,
    hashes: &BTreeMap<usize, u64>,
    criterion: Criterion,
    watch: &dyn Watch,
) -> Result<Vec<Vec<Member>>, ClusterError> {
    // Faces of photos with a hash, with both numbers at hand: this many pairs may be found.
    let of_hashed = |face: usize| {
        let photo = gallery.faces[face].content;
        hashes.get(&photo).map(|hash| (face, (photo, *hash)))
    };
    let (faces, photos): (Vec<usize>, Vec<(usize, u64)>) =
        (0..gallery.faces.len()).filter_map(of_hashed).unzip();
    let connected = Mutex::new(Connected::new(gallery.contents.len()));
    let embeddings = gallery.embeddings.select(Axis(0), &faces);
    pairs_within(&embeddings, criterion.same_face, watch, |a, b, distance| {
        let ((a, hash_a), (b, hash_b)) = (photos[a], photos[b]);
        let different_bits = different_bits(hash_a, hash_b);
        if a != b && different_bits <= criterion.max_different_bits {
            let twin = |of| Twin { of, similarity: (1.0 - distance) as f32, different_bits };
            let mut connected = connected.lock().unwrap_or_else(PoisonError::into_inner);
            connected.note(a, twin(b));
            connected.note(b, twin(a));
        }
    })?;
    Ok(connected.into_inner().unwrap_or_else(PoisonError::into_inner).groups())
}

/// Near-duplicates as far as they have been found.
struct Connected {
    /// A photo of the same group with a lower number, or the photo itself.
    parent: Vec<usize>,
    most_like: Vec<Option<Twin>>,
}

impl Connected {
    fn new(photos: usize) -> Self {
        Self { parent: (0..photos).collect(), most_like: vec![None; photos] }
    }

    fn note(&mut self, photo: usize, twin: Twin) {
        let best = &mut self.most_like[photo];
        if best.is_none_or(|best| twin.comes_before(&best)) {
            *best = Some(twin);
        }
        let (a, b) = (self.first(photo), self.first(twin.of));
        self.parent[a.max(b)] = a.min(b);
    }

    /// The first photo that a photo is known to be connected with; the way there gets shorter.
    fn first(&mut self, mut photo: usize) -> usize {
        while self.parent[photo] != photo {
            self.parent[photo] = self.parent[self.parent[photo]];
            photo = self.parent[photo];
        }
        photo
    }

    fn groups(mut self) -> Vec<Vec<Member>> {
        let mut groups: BTreeMap<usize, Vec<Member>> = BTreeMap::new();
        for photo in 0..self.parent.len() {
            if let Some(most_like) = self.most_like[photo] {
                groups.entry(self.first(photo)).or_default().push(Member { photo, most_like });
            }
        }
        groups.into_values().collect()
    }
}

impl Twin {
    /// Whether a photo is more like this one; the same whichever was found first.
    fn comes_before(&self, other: &Self) -> bool {
        let order = other.similarity.total_cmp(&self.similarity);
        order.then((self.different_bits, self.of).cmp(&(other.different_bits, other.of))).is_lt()
    }
}

#[cfg(test)]
mod tests;
