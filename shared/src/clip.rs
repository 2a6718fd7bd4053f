//! CLIP's view of a whole image: a unit vector that text vectors of the same model are compared with.

use crate::{ClipContract, embedding::InvalidEmbedding, embedding::unit};

/// Length of every CLIP embedding (ViT-L-14).
pub const CLIP_EMBEDDING_LEN: usize = 768;

/// A unit vector of [`CLIP_EMBEDDING_LEN`] finite values.
#[derive(Clone, PartialEq)]
pub struct ClipEmbedding(Box<[f32]>);

/// What CLIP gives for one image.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipAnalysis {
    /// Pack that was used.
    pub pack: String,
    /// What the embedding is under.
    pub contract: ClipContract,
    /// The image.
    pub embedding: ClipEmbedding,
}

impl ClipEmbedding {
    /// Scales a visual tower's output to unit length.
    pub fn from_raw(values: &[f32]) -> Result<Self, InvalidEmbedding> {
        let norm = unit::checked_norm(values, CLIP_EMBEDDING_LEN)?;
        Ok(Self(values.iter().map(|value| value / norm).collect()))
    }

    /// Takes a vector that is already of unit length, unchanged.
    pub fn from_unit(values: Vec<f32>) -> Result<Self, InvalidEmbedding> {
        unit::check(&values, CLIP_EMBEDDING_LEN)?;
        Ok(Self(values.into()))
    }

    /// The values.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }
}

impl std::fmt::Debug for ClipEmbedding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClipEmbedding[{:.4}, {:.4}, …]", self.0[0], self.0[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_scaled_and_what_has_no_direction_is_refused() {
        let mut raw = vec![0.0; CLIP_EMBEDDING_LEN];
        assert_eq!(ClipEmbedding::from_raw(&raw), Err(InvalidEmbedding::Zero));
        (raw[0], raw[767]) = (3.0, 4.0);
        let embedding = ClipEmbedding::from_raw(&raw).unwrap();
        assert_eq!((embedding.as_slice()[0], embedding.as_slice()[767]), (0.6, 0.8));
        assert_eq!(ClipEmbedding::from_unit(embedding.as_slice().to_vec()), Ok(embedding));
        assert_eq!(ClipEmbedding::from_unit(raw), Err(InvalidEmbedding::NotUnit(5.0)));
        let short = InvalidEmbedding::WrongLength { expected: CLIP_EMBEDDING_LEN, found: 512 };
        assert_eq!(ClipEmbedding::from_raw(&[1.0; 512]), Err(short));
    }
}
