//! Face embeddings: unit vectors compared by cosine.

/// Length of every face embedding (`ArcFace`).
pub const EMBEDDING_LEN: usize = 512;

/// How far a stored or received vector's length may be from 1.
const UNIT_TOLERANCE: f32 = 1e-3;

/// A unit vector of [`EMBEDDING_LEN`] finite values.
#[derive(Clone, PartialEq)]
pub struct Embedding(Box<[f32]>);

/// An [`Embedding`] with the length that the recogniser's output had before it was scaled to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceEmbedding {
    /// The direction; what is compared.
    pub unit: Embedding,
    /// The length, above 0; low for poor crops, and the weight in norm-weighted means.
    pub norm: f32,
}

/// A vector that cannot be an embedding.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum InvalidEmbedding {
    /// Not as many values as its kind has.
    #[error("an embedding has {expected} values, not {found}")]
    WrongLength {
        /// Of its kind.
        expected: usize,
        /// Given.
        found: usize,
    },
    /// NaN or infinite.
    #[error("value {0} of the embedding is not finite")]
    NotFinite(usize),
    /// No direction.
    #[error("the embedding is all zero and has no direction")]
    Zero,
    /// Should be a unit vector and is not.
    #[error("the embedding's length is {0}, not 1")]
    NotUnit(f32),
}

impl Embedding {
    /// Takes a vector that is already of unit length, unchanged.
    pub fn from_unit(values: Vec<f32>) -> Result<Self, InvalidEmbedding> {
        unit::check(&values, EMBEDDING_LEN)?;
        Ok(Self(values.into()))
    }

    /// The values.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// Cosine similarity in [−1, 1].
    pub fn cosine_similarity(&self, other: &Self) -> f32 {
        let dot: f64 = self.0.iter().zip(&other.0).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        dot.clamp(-1.0, 1.0) as f32
    }

    /// Cosine distance, 1 − similarity, in [0, 2].
    pub fn cosine_distance(&self, other: &Self) -> f32 {
        1.0 - self.cosine_similarity(other)
    }
}

impl std::fmt::Debug for Embedding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Embedding[{:.4}, {:.4}, …]", self.0[0], self.0[1])
    }
}

impl FaceEmbedding {
    /// Scales a recogniser's output to unit length, keeping its norm.
    pub fn from_raw(values: &[f32]) -> Result<Self, InvalidEmbedding> {
        let norm = unit::checked_norm(values, EMBEDDING_LEN)?;
        let unit = values.iter().map(|value| value / norm).collect();
        Ok(Self { unit: Embedding(unit), norm })
    }
}

/// Unit vectors of any length.
pub(crate) mod unit {
    use super::{InvalidEmbedding, UNIT_TOLERANCE};

    /// Refuses what is not `len` finite values of unit length.
    pub(crate) fn check(values: &[f32], len: usize) -> Result<(), InvalidEmbedding> {
        let norm = checked_norm(values, len)?;
        if (norm - 1.0).abs() > UNIT_TOLERANCE { Err(InvalidEmbedding::NotUnit(norm)) } else { Ok(()) }
    }

    /// The length of `len` finite values that have a direction.
    pub(crate) fn checked_norm(values: &[f32], len: usize) -> Result<f32, InvalidEmbedding> {
        if values.len() != len {
            return Err(InvalidEmbedding::WrongLength { expected: len, found: values.len() });
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(InvalidEmbedding::NotFinite(at));
        }
        let norm = values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt() as f32;
        if norm < f32::MIN_POSITIVE { Err(InvalidEmbedding::Zero) } else { Ok(norm) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw() -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec(-10.0f32..10.0, EMBEDDING_LEN)
            .prop_filter("needs a direction", |v| v.iter().any(|x| x.abs() > 1e-3))
    }

    proptest! {
        #[test]
        fn scaling_keeps_direction_and_norm(values in raw()) {
            let embedding = FaceEmbedding::from_raw(&values).unwrap();
            for (unit, value) in embedding.unit.as_slice().iter().zip(&values) {
                prop_assert!((unit * embedding.norm - value).abs() < 1e-4);
            }
            prop_assert!(embedding.unit.cosine_distance(&embedding.unit).abs() < 1e-6);
        }

        #[test]
        fn distance_is_symmetric_and_bounded(a in raw(), b in raw()) {
            let (a, b) = (FaceEmbedding::from_raw(&a).unwrap().unit, FaceEmbedding::from_raw(&b).unwrap().unit);
            prop_assert_eq!(a.cosine_distance(&b).to_bits(), b.cosine_distance(&a).to_bits());
            prop_assert!((0.0..=2.0).contains(&a.cosine_distance(&b)));
        }
    }

    #[test]
    fn vectors_that_mean_nothing_are_refused() {
        let mut values = vec![0.0; EMBEDDING_LEN];
        assert_eq!(FaceEmbedding::from_raw(&values), Err(InvalidEmbedding::Zero));
        assert_eq!(
            FaceEmbedding::from_raw(&values[1..]),
            Err(InvalidEmbedding::WrongLength { expected: 512, found: 511 })
        );
        values[3] = f32::NAN;
        assert_eq!(FaceEmbedding::from_raw(&values), Err(InvalidEmbedding::NotFinite(3)));
        assert_eq!(
            Embedding::from_unit(vec![1.0; EMBEDDING_LEN]),
            Err(InvalidEmbedding::NotUnit(512f32.sqrt()))
        );
    }
}
