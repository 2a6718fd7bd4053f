//! Refined sets to what people take away: ranked single-face crops, bundles and manifests.
//!
//! [`mod@plan`], [`mod@crop`], [`mod@collapse`], [`mod@diverse`], [`mod@formats`], [`succession`] and `png`
//! are pure; [`render`] reads photos and writes a folder that is under construction.

pub mod bundle;
pub mod candidates;
mod certify;
pub mod collapse;
pub mod contact_sheet;
pub mod corpus;
pub mod crop;
mod cut;
pub mod diverse;
mod draft;
mod duplicates;
pub mod era;
pub mod formats;
pub mod kept;
mod losses;
pub mod manifest;
pub mod origin;
pub mod plan;
pub(crate) mod png;
pub mod render;
pub mod renderer;
pub mod succession;
#[cfg(test)]
mod tests;

pub use plan::{ExportParameters, OUT_SIZES, PlannedFace, PlannedSet, plan};
