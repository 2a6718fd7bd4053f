//! A set in the formats that other tools read: the bytes, not the files. Pure but for [`extras`], which reads
//! the store beforehand.
//!
//! Tools that take a folder of images (facefusion) take `faces/` as it is.

#[cfg(feature = "parquet")]
mod crop_table;
pub mod extras;
pub mod kind;
mod reactor;
mod subject;

use std::io;

use facesets_base::exit::Hint;
use serde_json::json;

pub use extras::Extras;
pub use kind::{Format, OtherRecogniser, demand_recogniser};
pub use subject::Subject;

impl Format {
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

impl Hint for OtherRecogniser {
    fn hint(&self) -> Option<String> {
        Some(
            "leave these formats out: the crops and `.fsz` bundles suit these tools, which make their own vectors of them; or analyse the \
             photos with `buffalo_l`: `facesets-worker models fetch buffalo_l`, then `facesets embed SRC --pack buffalo_l`"
                .to_owned(),
        )
    }
}
