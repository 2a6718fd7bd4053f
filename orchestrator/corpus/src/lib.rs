//! Output folders: their manifests, the plans that change them and the journal of changes; crops, bundles and
//! certificates; eras.

pub mod certificate;
pub mod change;
pub mod era;
pub mod export;
pub mod extend;
pub mod identity;
pub mod inspection;
pub mod manifest;
pub mod placement;
pub mod plan;
pub mod sets;
pub mod verify;
pub mod why;
