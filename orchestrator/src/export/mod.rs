//! Refined sets to what people take away: ranked single-face crops, bundles and manifests.
//!
//! [`mod@plan`], [`mod@crop`], [`mod@collapse`], [`mod@diverse`] and [`mod@formats`] are pure; [`render`] reads photos and writes a folder that is under construction.

pub mod bundle;
pub mod candidates;
pub mod collapse;
pub mod contact_sheet;
pub mod corpus;
pub mod crop;
pub mod diverse;
pub(crate) mod draft;
mod duplicates;
pub mod era;
pub mod formats;
pub mod manifest;
pub mod plan;
pub mod render;
#[cfg(test)]
mod tests;

pub use plan::{ExportParameters, PlannedFace, PlannedSet, plan};
