//! Refined sets to what people take away: ranked single-face crops, bundles and manifests.
//!
//! [`mod@plan`], [`mod@crop`], [`mod@collapse`], [`mod@diverse`], [`mod@formats`] and `png` are pure; [`render`] reads photos and writes a folder that is under construction.

pub mod bundle;
pub mod candidates;
pub mod collapse;
pub mod contact_sheet;
pub mod corpus;
pub mod crop;
#[cfg(feature = "parquet")]
mod crop_table;
mod cut;
pub mod diverse;
mod draft;
mod duplicates;
pub mod era;
pub mod extras;
pub mod formats;
pub mod kept;
pub mod manifest;
pub mod plan;
pub(crate) mod png;
mod reactor;
pub mod render;
#[cfg(test)]
mod tests;

pub use plan::{ExportParameters, PlannedFace, PlannedSet, plan};
