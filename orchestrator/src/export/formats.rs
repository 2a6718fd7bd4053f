//! A set in the formats that other tools read: the bytes, not the files. Pure.
//!
//! Tools that take a folder of images (facefusion) take `faces/` as it is.

use std::io;

use clap::ValueEnum;
use facesets_core::EMBEDDING_LEN;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[cfg(feature = "parquet")]
use super::crop_table;
use super::{extras::Extras, manifest::ExportedFace, reactor};
use crate::{certificate::GenderAgeRecord, gallery::Gallery, interop::npy_head, store::Item};

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

/// A set as its formats are made from it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Whose faces they are.
    pub gallery: &'a Gallery,
    /// What that does not hold.
    pub extras: &'a Extras,
    /// What bundles are named after.
    pub name: &'a str,
    /// Best first, not empty.
    pub faces: &'a [ExportedFace],
    /// Rows of the gallery, those of `faces`.
    pub rows: &'a [usize],
    /// The bytes of the best crop.
    pub best: &'a [u8],
    /// What is said of gender and age, if anything.
    pub gender_age: Option<&'a GenderAgeRecord>,
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

    /// The file for a set.
    pub fn bytes(self, set: &Subject<'_>) -> io::Result<Vec<u8>> {
        match self {
            Self::Visomaster => {
                let mean = set.mean_raw();
                let sets = json!([{"name": set.name, "embedding_store": {"Inswapper128ArcFace": mean}}]);
                Ok(format!("{sets}\n").into_bytes())
            }
            Self::Rope => {
                let mean = set.mean_raw();
                // The name is a line of its own.
                let name = set.name.replace(char::is_control, " ");
                let lines: Vec<String> = mean.iter().map(f32::to_string).collect();
                Ok(format!("Name: {name}\n{}\n", lines.join("\n")).into_bytes())
            }
            Self::Best => Ok(set.best.to_vec()),
            Self::Npy => Ok(set.npy()),
            Self::Reactor => reactor::bytes(set),
            #[cfg(feature = "parquet")]
            Self::Parquet => crop_table::bytes(set),
            #[cfg(not(feature = "parquet"))]
            Self::Parquet => Err(io::Error::other("this build has no Parquet")),
        }
    }
}

impl Subject<'_> {
    /// The mean of the raw embeddings, as these tools make it from images themselves; they scale it to unit length when they use it.
    pub(super) fn mean_raw(&self) -> Vec<f32> {
        let mut sum = vec![0.0f64; self.gallery.embeddings.ncols()];
        for row in self.rows {
            let norm = f64::from(self.gallery.faces[*row].norm);
            for (total, value) in sum.iter_mut().zip(self.gallery.embedding(*row)) {
                *total += norm * f64::from(*value);
            }
        }
        sum.iter().map(|total| (total / self.rows.len() as f64) as f32).collect()
    }

    fn npy(&self) -> Vec<u8> {
        debug_assert_eq!(self.gallery.embeddings.ncols(), EMBEDDING_LEN);
        let mut bytes = npy_head(Item::F32(&[EMBEDDING_LEN]), Some(self.rows.len() as u64));
        for row in self.rows {
            bytes.extend(self.gallery.embedding(*row).iter().flat_map(|value| value.to_le_bytes()));
        }
        bytes
    }
}
