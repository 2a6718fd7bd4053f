//! CLIP's contract and results on the wire.

use super::{WireError, digest, digest_bytes, pack_name, proto, required};
use crate::{ClipAnalysis, ClipContract, ClipEmbedding};

impl From<&ClipContract> for proto::ClipContract {
    fn from(contract: &ClipContract) -> Self {
        Self { visual_sha256: digest_bytes(&contract.visual), preprocessing_version: contract.preprocessing }
    }
}

impl TryFrom<&proto::ClipContract> for ClipContract {
    type Error = WireError;

    fn try_from(message: &proto::ClipContract) -> Result<Self, WireError> {
        Ok(Self {
            visual: digest(&message.visual_sha256, "visual_sha256")?,
            preprocessing: message.preprocessing_version,
        })
    }
}

impl From<&ClipAnalysis> for proto::ClipEmbedding {
    fn from(analysis: &ClipAnalysis) -> Self {
        Self {
            contract: Some((&analysis.contract).into()),
            embedding: analysis.embedding.as_slice().to_vec(),
            pack: analysis.pack.clone(),
        }
    }
}

impl TryFrom<&proto::ClipEmbedding> for ClipAnalysis {
    type Error = WireError;

    fn try_from(message: &proto::ClipEmbedding) -> Result<Self, WireError> {
        Ok(Self {
            pack: pack_name(&message.pack)?,
            contract: required(message.contract.as_ref(), "contract")?.try_into()?,
            embedding: ClipEmbedding::from_unit(message.embedding.clone())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::{clip::CLIP_EMBEDDING_LEN, wire::TaskResult};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn an_embedding_survives_the_wire_bit_for_bit(
            raw in prop::collection::vec(0.01f32..1.0, CLIP_EMBEDDING_LEN),
            visual in any::<[u8; 32]>(),
            preprocessing in any::<u32>(),
        ) {
            let analysis = ClipAnalysis {
                pack: "clip".to_owned(),
                contract: ClipContract { visual: visual.into(), preprocessing },
                embedding: ClipEmbedding::from_raw(&raw).unwrap(),
            };
            let result = TaskResult::Clip(analysis);
            let bytes = proto::TaskResult::from(&result).encode_to_vec();
            let mut message = proto::TaskResult::decode(&bytes[..]).unwrap();
            prop_assert_eq!(TaskResult::try_from(&message).unwrap(), result);
            let Some(proto::task_result::Kind::Clip(clip)) = &mut message.kind else { panic!("{message:?}") };
            clip.embedding[7] += 1.0;
            prop_assert!(TaskResult::try_from(&message).is_err());
        }
    }
}
