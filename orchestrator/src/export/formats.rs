//! A set in the formats that other tools read: the bytes, not the files. Pure.
//!
//! Tools that take a folder of images (facefusion) take `faces/` as it is.

use clap::ValueEnum;
use facesets_core::EMBEDDING_LEN;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{gallery::Gallery, interop::npy_head, store::Item};

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
}

impl Format {
    /// The name of its file in the set's folder.
    pub fn file(self) -> &'static str {
        match self {
            Self::Visomaster => "visomaster.json",
            Self::Rope => "merged_embeddings.txt",
            Self::Best => "best.png",
            Self::Npy => "embeddings.npy",
        }
    }

    /// The file for a set of ranked faces (rows of the gallery, not empty); `best` are the bytes of its best crop.
    pub fn bytes(self, gallery: &Gallery, name: &str, ranked: &[usize], best: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Visomaster => {
                let mean = mean_raw(gallery, ranked);
                let sets = json!([{"name": name, "embedding_store": {"Inswapper128ArcFace": mean}}]);
                format!("{sets}\n").into_bytes()
            }
            Self::Rope => {
                let mean = mean_raw(gallery, ranked);
                // The name is a line of its own.
                let name = name.replace(char::is_control, " ");
                let lines: Vec<String> = mean.iter().map(f32::to_string).collect();
                format!("Name: {name}\n{}\n", lines.join("\n")).into_bytes()
            }
            Self::Best => best,
            Self::Npy => npy(gallery, ranked),
        }
    }
}

/// The mean of the raw embeddings, as these tools make it from images themselves; they scale it to unit length when they use it.
fn mean_raw(gallery: &Gallery, rows: &[usize]) -> Vec<f32> {
    let mut sum = vec![0.0f64; gallery.embeddings.ncols()];
    for row in rows {
        let norm = f64::from(gallery.faces[*row].norm);
        for (total, value) in sum.iter_mut().zip(gallery.embedding(*row)) {
            *total += norm * f64::from(*value);
        }
    }
    sum.iter().map(|total| (total / rows.len() as f64) as f32).collect()
}

fn npy(gallery: &Gallery, rows: &[usize]) -> Vec<u8> {
    debug_assert_eq!(gallery.embeddings.ncols(), EMBEDDING_LEN);
    let mut bytes = npy_head(Item::F32(&[EMBEDDING_LEN]), Some(rows.len() as u64));
    for row in rows {
        bytes.extend(gallery.embedding(*row).iter().flat_map(|value| value.to_le_bytes()));
    }
    bytes
}
