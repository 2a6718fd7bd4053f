//! Of the crops of a set that show the same picture, only the one that ranks best. Pure.
//!
//! The criterion is that of [`crate::dedup`]: the same face to the recogniser (cosine similarity ≥ 0.95) and difference hashes that agree
//! (at most 10 of 64 bits differ). But the hash is that of the face ([`hashed_part`]), not of the whole photo: crops are what tools get. So a copy
//! that was cut to another frame is a duplicate here although the photos look different, and a photo of a burst in which only
//! the face moved is none although they look alike. Of 35 pairs of faces above that similarity in 43 sample photos this finds 23, all of
//! them copies (scaled, recompressed, cut, darker, cooler), where hashes of whole photos find 12; mirrored and turned copies stay. Different photos of
//! one person are below a similarity of 0.8 there and differ in 12 bits or more.
//!
//! Chains do not count: what is left out is a duplicate of something that is kept.

use std::{fmt, str::FromStr};

use ndarray::{ArrayView1, Axis, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    dedup::{MAX_DIFFERENT_BITS, SAME_FACE, different_bits},
    gallery::Gallery,
    threshold::{Fraction, OutOfRange},
};

/// Rows of a product of matrices that are computed at a time.
const BLOCK: usize = 128;

/// More than products of matrices and of vectors differ by, which sum in another order.
const ROUNDING: f32 = 1e-4;

/// Least cosine similarity of the faces of two crops that show the same picture; or off, so that every crop is kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DuplicateSimilarity(Option<Fraction>);

/// A crop that shows the same picture as a better one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Duplicate {
    /// Row of the gallery of the face that is kept.
    pub of: usize,
    /// Cosine similarity of the two.
    pub similarity: f32,
    /// Bits in which their hashes differ.
    pub different_bits: u32,
}

impl DuplicateSimilarity {
    /// Every crop is kept. What manifests of earlier versions, which do not say it, were made with.
    pub const OFF: Self = Self(None);

    /// The number, unless it is off.
    pub fn get(self) -> Option<f32> {
        self.0.map(Fraction::get)
    }
}

impl Default for DuplicateSimilarity {
    /// As `dedup` has it.
    fn default() -> Self {
        const SIMILARITY: Fraction = Fraction::literal(1.0 - SAME_FACE.get());
        Self(Some(SIMILARITY))
    }
}

impl FromStr for DuplicateSimilarity {
    type Err = OutOfRange;

    fn from_str(text: &str) -> Result<Self, OutOfRange> {
        if text == "off" { Ok(Self::OFF) } else { text.parse().map(|similarity| Self(Some(similarity))) }
    }
}

impl fmt::Display for DuplicateSimilarity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(similarity) => similarity.fmt(f),
            None => f.write_str("off"),
        }
    }
}

/// The side of the middle part of a crop that is hashed, as a part of the crop's side: the face with padding `least`, however wide
/// (`pad_ratio`) the crop is.
pub fn hashed_part(least: f32, pad_ratio: f32) -> f32 {
    ((1.0 + 2.0 * least) / (1.0 + 2.0 * pad_ratio)).min(1.0)
}

/// Which of some faces (rows of the gallery) may be this similar to another one of them: only their hashes are needed. All that are, and
/// hardly any other. O(n²·d) time, 4·n·(d + 128 a thread) bytes.
pub fn with_a_twin(gallery: &Gallery, faces: &[usize], least: f32) -> Vec<bool> {
    let embeddings = gallery.embeddings.select(Axis(0), faces);
    let floor = least - ROUNDING;
    let blocks: Vec<usize> = (0..faces.len()).step_by(BLOCK).collect();
    let block = |begin: &usize| -> Vec<bool> {
        let end = (begin + BLOCK).min(faces.len());
        let products = embeddings.slice(s![*begin..end, ..]).dot(&embeddings.t());
        let has_twin = |(face, products): (usize, ArrayView1<'_, f32>)| {
            products.iter().enumerate().any(|(other, product)| other != face && *product >= floor)
        };
        (*begin..).zip(products.outer_iter()).map(has_twin).collect()
    };
    blocks.par_iter().map(block).collect::<Vec<_>>().concat()
}

/// For each of some ranked faces (rows of the gallery) the best one among those kept before that it is a duplicate of, if any; one without a
/// hash is always kept.
pub fn collapse(
    gallery: &Gallery,
    ranked: &[usize],
    hashes: &[Option<u64>],
    least: f32,
) -> Vec<Option<Duplicate>> {
    let mut kept: Vec<(usize, u64)> = Vec::new();
    let found = ranked.iter().zip(hashes).map(|(face, hash)| {
        let hash = (*hash)?;
        let duplicate = kept.iter().find_map(|&(of, other)| {
            let different_bits = different_bits(hash, other);
            if different_bits > MAX_DIFFERENT_BITS {
                return None;
            }
            let similarity = similarity(gallery, *face, of);
            (similarity >= least).then_some(Duplicate { of, similarity, different_bits })
        });
        if duplicate.is_none() {
            kept.push((*face, hash));
        }
        duplicate
    });
    found.collect()
}

/// Cosine similarity; the same whichever comes first.
fn similarity(gallery: &Gallery, a: usize, b: usize) -> f32 {
    gallery.embedding(a).dot(&gallery.embedding(b))
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::gallery_of;

    const LEAST: f32 = 0.95;

    /// Faces in directions of a plane, in degrees.
    fn gallery(degrees: &[f32]) -> Gallery {
        let mut gallery = gallery_of(&vec![(0, 0.0); degrees.len()]);
        gallery.embeddings = Array2::from_shape_fn((degrees.len(), 2), |(face, axis)| {
            let angle = degrees[face].to_radians();
            if axis == 0 { angle.cos() } else { angle.sin() }
        });
        gallery
    }

    fn kept_for(degrees: &[f32], hashes: &[u64]) -> Vec<Option<usize>> {
        let ranked: Vec<usize> = (0..degrees.len()).collect();
        let hashes: Vec<Option<u64>> = hashes.iter().copied().map(Some).collect();
        let found = collapse(&gallery(degrees), &ranked, &hashes, LEAST);
        found.into_iter().map(|duplicate| duplicate.map(|duplicate| duplicate.of)).collect()
    }

    #[test]
    fn both_the_face_and_the_picture_must_agree() {
        // 18 degrees are a similarity of 0.951, 19 of 0.946.
        assert_eq!(kept_for(&[0.0, 18.0], &[0, 0x3ff]), [None, Some(0)]);
        assert_eq!(kept_for(&[0.0, 19.0], &[0, 0]), [None, None]);
        assert_eq!(kept_for(&[0.0, 0.0], &[0, 0x7ff]), [None, None]);
    }

    #[test]
    fn a_chain_does_not_drift_away_from_what_is_kept() {
        assert_eq!(kept_for(&[0.0, 15.0, 30.0, 45.0], &[0; 4]), [None, Some(0), None, Some(2)]);
        assert_eq!(kept_for(&[0.0; 3], &[0, 0xff, 0xffff]), [None, Some(0), None]);
    }

    #[test]
    fn a_face_that_is_like_no_other_needs_no_hash_and_is_kept() {
        let gallery = gallery(&[0.0, 10.0, 90.0]);
        assert_eq!(with_a_twin(&gallery, &[0, 1, 2], LEAST), [true, true, false]);
        let found = collapse(&gallery, &[0, 1, 2], &[Some(7), Some(7), None], LEAST);
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn the_face_is_hashed_with_the_same_padding_however_wide_its_crop_is() {
        assert!((hashed_part(0.2, 0.5) - 0.7).abs() < 1e-6);
        assert!((hashed_part(0.2, 0.2) - 1.0).abs() < 1e-6);
        assert!((hashed_part(0.0, 1.0) - 1.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn a_similarity_is_a_fraction_or_off_and_manifests_say_it_too() {
        let parsed = |text: &str| text.parse::<DuplicateSimilarity>().map(DuplicateSimilarity::get);
        assert_eq!((parsed("off"), parsed("0.9")), (Ok(None), Ok(Some(0.9))));
        assert!(parsed("1.5").is_err() && parsed("on").is_err());
        for similarity in [DuplicateSimilarity::OFF, DuplicateSimilarity::default()] {
            assert_eq!(similarity.to_string().parse(), Ok(similarity));
            let json = serde_json::to_string(&similarity).unwrap();
            assert_eq!(serde_json::from_str::<DuplicateSimilarity>(&json).unwrap(), similarity);
        }
        assert_eq!(DuplicateSimilarity::default().get(), Some(0.95));
    }

    proptest! {
        #[test]
        fn what_is_left_out_is_a_duplicate_of_what_is_kept_and_no_two_kept_ones_are(
            faces in prop::collection::vec((0.0f32..90.0, 0u32..24), 1..30),
        ) {
            let degrees: Vec<f32> = faces.iter().map(|(angle, _)| *angle).collect();
            let hashes: Vec<u64> = faces.iter().map(|(_, bits)| (1 << bits) - 1).collect();
            let gallery = gallery(&degrees);
            let alike = |a: usize, b: usize| {
                similarity(&gallery, a, b) >= LEAST && different_bits(hashes[a], hashes[b]) <= MAX_DIFFERENT_BITS
            };
            let found = kept_for(&degrees, &hashes);
            for (face, of) in found.iter().enumerate() {
                match of {
                    Some(of) => prop_assert!(*of < face && found[*of].is_none() && alike(face, *of)),
                    None => prop_assert!((0..face).all(|other| found[other].is_some() || !alike(face, other))),
                }
            }
        }

        #[test]
        fn which_rows_the_faces_are_in_does_not_matter(
            faces in prop::collection::vec((0.0f32..90.0, 0u32..24), 1..20), shift in 0usize..20,
        ) {
            let degrees: Vec<f32> = faces.iter().map(|(angle, _)| *angle).collect();
            let hashes: Vec<Option<u64>> = faces.iter().map(|(_, bits)| Some((1 << bits) - 1)).collect();
            let ranked: Vec<usize> = (0..faces.len()).collect();
            let shift = shift % faces.len();
            let row = |rank: usize| (rank + shift) % faces.len();
            let mut moved = degrees.clone();
            moved.rotate_right(shift);
            let rows: Vec<usize> = ranked.iter().map(|rank| row(*rank)).collect();
            let expected = collapse(&gallery(&degrees), &ranked, &hashes, LEAST);
            let expected: Vec<_> = expected.into_iter().map(|found| found.map(|found| Duplicate { of: row(found.of), ..found })).collect();
            prop_assert_eq!(collapse(&gallery(&moved), &rows, &hashes, LEAST), expected);
        }

        #[test]
        fn without_a_twin_nothing_is_a_duplicate(degrees in prop::collection::vec(0.0f32..90.0, 1..20)) {
            let twins = with_a_twin(&gallery(&degrees), &(0..degrees.len()).collect::<Vec<_>>(), LEAST);
            for (face, found) in kept_for(&degrees, &vec![0; degrees.len()]).into_iter().enumerate() {
                prop_assert!(twins[face] || found.is_none());
            }
        }
    }
}
