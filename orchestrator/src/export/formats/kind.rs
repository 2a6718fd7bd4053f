//! The formats that a set can be had in besides, and what their files are called.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Another way to hand a set out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `visomaster.json`: an embedding for that tool and its fork Fusion
    Visomaster,
    /// `merged_embeddings.txt`: Rope
    Rope,
    /// `best.png`: Deep-Live-Cam and others that take one image
    Best,
    /// `embeddings.npy`: n × 512 float32, a unit embedding a crop, in their order
    Npy,
    /// `SET.safetensors`: a face model for ReActor (ComfyUI)
    Reactor,
    /// `crops.parquet`: a row a crop with everything that is known of it, its unit embedding too
    #[cfg_attr(not(feature = "parquet"), value(skip))]
    Parquet,
}

impl Format {
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

    /// Whether it tells gender and age.
    pub fn tells_gender_and_age(self) -> bool {
        self == Self::Reactor
    }
}
