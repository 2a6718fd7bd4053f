//! Refined sets to what people take away: ranked single-face crops, bundles and manifests.
//!
//! [`mod@plan`] and [`mod@crop`] are pure; [`render`] reads photos and writes a folder that is under construction.

pub mod bundle;
pub mod contact_sheet;
pub mod corpus;
pub mod crop;
pub mod era;
pub mod manifest;
pub mod plan;
pub mod render;

pub use plan::{ExportParameters, PlannedFace, PlannedSet, plan};
