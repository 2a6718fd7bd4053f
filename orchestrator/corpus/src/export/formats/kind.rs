//! The formats that a set can be had in besides, what their files are called, and whose vectors they hold.

use std::collections::BTreeSet;

use facesets_core::FaceContract;
use serde::{Deserialize, Serialize};

/// sha256 of `w600k_r50.onnx`, the recogniser of `InsightFace`'s `buffalo_l`: that of the file in
/// `buffalo_l.zip` of its release v0.7. Tools call its vectors `Inswapper128ArcFace`; those of any other
/// network mean somebody else to them.
pub const W600K_R50: &str = "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43";

/// Another way to hand a set out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `visomaster.json`: an embedding for that tool and its fork Fusion; of `buffalo_l`'s recogniser only
    Visomaster,
    /// `merged_embeddings.txt`: Rope; of `buffalo_l`'s recogniser only
    Rope,
    /// `best.png`: Deep-Live-Cam and others that take one image
    Best,
    /// `embeddings.npy`: n × 512 float32, a unit embedding a crop, in their order
    Npy,
    /// `SET.safetensors`: a face model for ReActor (ComfyUI); of `buffalo_l`'s recogniser only
    Reactor,
    /// `crops.parquet`: a row a crop with everything that is known of it, its unit embedding too
    Parquet,
}

impl Format {
    /// Those that this build can write.
    pub const ALL: &[Self] = &[
        Self::Visomaster,
        Self::Rope,
        Self::Best,
        Self::Npy,
        Self::Reactor,
        #[cfg(feature = "parquet")]
        Self::Parquet,
    ];

    /// The name of its file in the folder of a set whose bundles are named after `name`.
    pub fn file(self, name: &str) -> String {
        match self {
            Self::Visomaster => "visomaster.json".to_owned(),
            Self::Rope => "merged_embeddings.txt".to_owned(),
            Self::Best => "best.png".to_owned(),
            Self::Npy => "embeddings.npy".to_owned(),
            // ReActor lists its models by the names of their files.
            Self::Reactor => format!("{name}.safetensors"),
            Self::Parquet => "crops.parquet".to_owned(),
        }
    }

    /// What users call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Visomaster => "visomaster",
            Self::Rope => "rope",
            Self::Best => "best",
            Self::Npy => "npy",
            Self::Reactor => "reactor",
            Self::Parquet => "parquet",
        }
    }

    /// Whether its readers take the embedding in it for one of [`W600K_R50`].
    pub fn holds_w600k_r50(self) -> bool {
        match self {
            Self::Visomaster | Self::Rope | Self::Reactor => true,
            Self::Best | Self::Npy | Self::Parquet => false,
        }
    }

    /// Whether it tells gender and age.
    pub fn tells_gender_and_age(self) -> bool {
        self == Self::Reactor
    }
}

/// Formats that would hold vectors of another network than their readers take them for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} would hold vectors of a recogniser that their readers do not know: they take them for those of `w600k_r50` \
     (sha256 `{W600K_R50}`), and these faces are under `{contract}`", quoted(.formats)
)]
pub struct OtherRecogniser {
    formats: Vec<Format>,
    contract: String,
}

/// Demands that each of `formats` may hold embeddings under `contract`.
pub fn demand_recogniser(formats: &BTreeSet<Format>, contract: &str) -> Result<(), OtherRecogniser> {
    let is_known = |contract: FaceContract| contract.recogniser.to_string() == W600K_R50;
    if contract.parse().is_ok_and(is_known) {
        return Ok(());
    }
    let formats: Vec<Format> = formats.iter().copied().filter(|format| format.holds_w600k_r50()).collect();
    if formats.is_empty() { Ok(()) } else { Err(OtherRecogniser { formats, contract: contract.to_owned() }) }
}

fn quoted(formats: &[Format]) -> String {
    formats.iter().map(|format| format!("`{}`", format.name())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(recogniser: &str) -> String {
        format!("face/v1/det={W600K_R50}/rec={recogniser}/size=640")
    }

    #[test]
    fn what_readers_take_for_w600k_r50_is_made_of_its_vectors_only() {
        let all: BTreeSet<Format> = Format::ALL.iter().copied().collect();
        assert_eq!(demand_recogniser(&all, &contract(W600K_R50)), Ok(()));
        let others = contract("81155af2c39c7932bbb1c22d15beb616b37867161c4cd8853d866edf1ebc433c");
        for contract in [others.as_str(), "models"] {
            let refused = demand_recogniser(&all, contract).unwrap_err();
            assert_eq!(refused.formats, [Format::Visomaster, Format::Rope, Format::Reactor]);
            assert!(refused.to_string().starts_with("`visomaster`, `rope`, `reactor` would"), "{refused}");
            let rest = all.iter().copied().filter(|format| !refused.formats.contains(format)).collect();
            assert_eq!(demand_recogniser(&rest, contract), Ok(()));
        }
    }
}
