//! Near-duplicates against their criterion.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::Array2;
use proptest::prelude::*;

use super::{Criterion, MAX_DIFFERENT_BITS, SAME_FACE, candidates, different_bits, groups};
use crate::{cluster::Unwatched, gallery::Gallery, testing::gallery_of};

const CRITERION: Criterion = Criterion { same_face: SAME_FACE, max_different_bits: MAX_DIFFERENT_BITS };

/// Faces in directions of a plane, in degrees, each with the number of its photo.
fn gallery(faces: &[(f32, usize)]) -> Gallery {
    let photos = faces.iter().map(|(_, photo)| photo + 1).max().unwrap_or(0).max(faces.len());
    let mut gallery = gallery_of(&vec![(0, 0.0); photos]);
    gallery.faces.truncate(faces.len());
    for (face, (_, photo)) in gallery.faces.iter_mut().zip(faces) {
        face.content = *photo;
    }
    gallery.embeddings = Array2::from_shape_fn((faces.len(), 2), |(face, axis)| {
        let angle = faces[face].0.to_radians();
        if axis == 0 { angle.cos() } else { angle.sin() }
    });
    gallery
}

/// The photos of each group, once all candidates have their hash.
fn found(gallery: &Gallery, hashes: &[u64]) -> Vec<Vec<usize>> {
    let photos = candidates(gallery, SAME_FACE, &Unwatched).unwrap();
    let hashes: BTreeMap<usize, u64> = photos.into_iter().map(|photo| (photo, hashes[photo])).collect();
    let groups = groups(gallery, &hashes, CRITERION, &Unwatched).unwrap();
    groups.iter().map(|group| group.iter().map(|member| member.photo).collect()).collect()
}

#[test]
fn photos_with_nearly_the_same_face_are_candidates_and_others_are_not() {
    // 18 degrees are a similarity of 0.951, 19 of 0.946. Two faces of one photo make no candidate of it.
    let gallery = gallery(&[(0.0, 0), (18.0, 1), (37.0, 2), (90.0, 3), (91.0, 3)]);
    assert_eq!(candidates(&gallery, SAME_FACE, &Unwatched).unwrap(), BTreeSet::from([0, 1]));
}

#[test]
fn a_third_photo_hides_no_duplicate() {
    // The third is nearer to the first than the second is, and beyond the second; but it looks otherwise.
    let three = gallery(&[(0.0, 0), (17.5, 1), (-16.4, 2)]);
    assert_eq!(found(&three, &[0, 0xff, 0x1ff_ffff]), [[0, 1]]);
    let two = gallery(&[(0.0, 0), (17.5, 1)]);
    assert_eq!(found(&two, &[0, 0xff]), [[0, 1]]);
}

#[test]
fn near_duplicates_of_near_duplicates_are_in_their_group_and_what_each_is_most_like_is_told() {
    let gallery = gallery(&[(0.0, 0), (9.0, 1), (20.0, 1), (30.0, 2), (31.0, 3)]);
    let hashes = BTreeMap::from([(0, 0), (1, 0xff), (2, 0xfff), (3, u64::MAX)]);
    let groups = groups(&gallery, &hashes, CRITERION, &Unwatched).unwrap();
    assert_eq!(groups.len(), 1, "3 shares a face and looks otherwise");
    let like: Vec<_> = groups[0].iter().map(|member| (member.photo, member.most_like.of)).collect();
    assert_eq!(like, [(0, 1), (1, 0), (2, 1)]);
    assert!((groups[0][2].most_like.similarity - 10f32.to_radians().cos()).abs() < 1e-5);
    assert_eq!(groups[0][2].most_like.different_bits, 4);
    let without = BTreeMap::from([(0, 0), (2, 0xfff)]);
    assert!(super::groups(&gallery, &without, CRITERION, &Unwatched).unwrap().is_empty(), "1 cannot be read");
}

proptest! {
    #[test]
    fn groups_are_what_the_pairs_that_meet_the_criterion_connect(
        faces in prop::collection::vec((0.0f32..120.0, 0usize..14), 0..28),
        hashes in prop::collection::vec(0u32..40, 14 + 28),
    ) {
        let gallery = gallery(&faces);
        let hashes: Vec<u64> = hashes.iter().map(|bits| (1 << bits) - 1).collect();
        let same = |x: usize, y: usize| {
            let (x, y) = (gallery.embedding(x), gallery.embedding(y));
            let product: f64 = x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
            1.0 - product <= f64::from(SAME_FACE.get())
        };
        let of = |photo: usize| faces.iter().enumerate().filter(move |face| face.1.1 == photo).map(|face| face.0);
        let alike = |a: usize, b: usize| {
            different_bits(hashes[a], hashes[b]) <= MAX_DIFFERENT_BITS
                && of(a).any(|x| of(b).any(|y| same(x, y)))
        };
        // Labels that spread over pairs until nothing changes.
        let photos = gallery.contents.len();
        let mut label: Vec<usize> = (0..photos).collect();
        for _ in 0..photos {
            for a in 0..photos {
                for b in (0..photos).filter(|b| *b != a) {
                    if alike(a, b) {
                        label[a] = label[a].min(label[b]);
                    }
                }
            }
        }
        let mut expected: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        label.iter().enumerate().for_each(|(photo, label)| expected.entry(*label).or_default().push(photo));
        let expected: Vec<Vec<usize>> = expected.into_values().filter(|group| group.len() > 1).collect();
        prop_assert_eq!(found(&gallery, &hashes), expected);
    }
}
