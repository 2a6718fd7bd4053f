//! Photos that are there more than once: the same bytes at several places, and copies that were scaled, recompressed or retouched. Pure.
//!
//! Two photos are near-duplicates when both hold:
//! 1. a face of the one and a face of the other are the same to the recogniser: cosine similarity ≥ 0.95 ([`SAME_FACE`]). Two photos
//!    of one person, even of one session, are rarely above 0.9;
//! 2. they look the same as a whole: of the 64 bits of their difference hashes ([`hash`]) at most 10 differ ([`MAX_DIFFERENT_BITS`]). This
//!    tells a copy from a crop, and from the next photo of a burst where people moved.
//!
//! In a group every photo is a near-duplicate of every other one: chains do not count.

pub mod hash;
pub mod report;

use std::collections::{BTreeMap, BTreeSet};

use crate::{cluster::ClusterError, gallery::Gallery, grouping::Grouping, threshold::CosineDistance};

/// Cosine distance up to which two faces are the same picture: similarity 0.95.
pub const SAME_FACE: CosineDistance = CosineDistance::literal(0.05);

/// Most bits in which the hashes of two pictures of the same scene differ, out of 64.
pub const MAX_DIFFERENT_BITS: u32 = 10;

/// Bits in which two hashes differ, out of 64.
pub fn different_bits(a: u64, b: u64) -> u32 {
    (a ^ b).count_ones()
}

/// Pairs of photos (numbers of contents, the lower first) that share a face: candidates whose hashes are worth computing.
pub fn candidates(
    gallery: &Gallery,
    threshold: CosineDistance,
    grouping: &Grouping<'_>,
) -> Result<BTreeSet<(usize, usize)>, ClusterError> {
    let each: Vec<Vec<usize>> = (0..gallery.faces.len()).map(|face| vec![face]).collect();
    let mut pairs = BTreeSet::new();
    // Complete linkage: every two faces of a group are within the threshold.
    for faces in grouping.merged(gallery, &each, threshold)? {
        let contents: BTreeSet<usize> = faces.iter().map(|face| gallery.faces[*face].content).collect();
        for a in &contents {
            pairs.extend(contents.range(a + 1..).map(|b| (*a, *b)));
        }
    }
    Ok(pairs)
}

/// Groups of near-duplicates, from candidates and the hashes of their photos; a photo without a hash is in none.
///
/// Photos are taken in the gallery's order; each joins the first group all of whose photos are its near-duplicates.
pub fn groups(
    candidates: &BTreeSet<(usize, usize)>,
    hashes: &BTreeMap<usize, u64>,
    max_different_bits: u32,
) -> Vec<Vec<usize>> {
    let alike = |a: usize, b: usize| {
        candidates.contains(&(a.min(b), a.max(b)))
            && different_bits(hashes[&a], hashes[&b]) <= max_different_bits
    };
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for &photo in hashes.keys() {
        match groups.iter_mut().find(|group| group.iter().all(|other| alike(*other, photo))) {
            Some(group) => group.push(photo),
            None => groups.push(vec![photo]),
        }
    }
    groups.retain(|group| group.len() > 1);
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::gallery_of;

    #[test]
    fn photos_with_nearly_the_same_face_are_candidates_and_others_are_not() {
        // 0.2 radians apart on axes of their own: similarity cos²(0.2) = 0.96; 0.4: 0.85.
        let gallery = gallery_of(&[(0, 0.2), (0, 0.2), (0, 0.4), (1, 0.0)]);
        let found = candidates(&gallery, SAME_FACE, &Grouping::default()).unwrap();
        assert_eq!(found, BTreeSet::from([(0, 1)]));
    }

    #[test]
    fn a_group_is_no_chain() {
        let all = BTreeSet::from([(0, 1), (1, 2), (0, 2)]);
        let chain = BTreeMap::from([(0, 0b0), (1, 0xff), (2, 0xffff)]);
        assert_eq!(groups(&all, &chain, 10), [[0, 1]]);
        let same = BTreeMap::from([(0, 7), (1, 7), (2, 7)]);
        assert_eq!(groups(&all, &same, 10), [[0, 1, 2]]);
        assert_eq!(groups(&BTreeSet::from([(0, 2)]), &same, 10), [[0, 2]], "the face counts too");
        assert_eq!(groups(&all, &BTreeMap::from([(1, 7)]), 10), Vec::<Vec<usize>>::new());
    }
}
