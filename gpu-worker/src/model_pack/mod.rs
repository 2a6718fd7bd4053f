//! Model packs: folders of ONNX files with a manifest of their sizes and SHA-256 digests.
//!
//! A file's bytes are compared with the manifest every time before they are used, and used from memory, so
//! that what runs is what was checked. Nothing in here runs a model.

mod catalogue;
mod download;
mod error;
mod fetch;
mod foreign;
mod manifest;
mod normalisation;
mod pack;
mod remove;
mod unpack;

pub use catalogue::{CatalogueEntry, CatalogueFile, catalogue};
pub use download::{DownloadError, Progress};
pub use error::PackError;
pub use fetch::{FetchError, Fetched, fetch, lacking};
pub use manifest::{MANIFEST_FILE, Manifest, ManifestModel, SCHEMA};
pub use normalisation::normalisation;
pub use pack::{FileCheck, FileState, Pack, list};
pub use remove::{Hold, RemoveError, remove, size};
