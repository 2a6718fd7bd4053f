//! What every package of the orchestrator stands on: how files are read and written, where things lie, how
//! progress, problems and the end of a command are said. Nothing here knows of faces.

pub mod archive;
pub mod exit;
pub mod fields;
pub mod figures;
pub mod file;
pub mod folding;
pub mod html;
pub mod layout;
pub mod library;
pub mod location;
pub mod monitor;
pub mod output;
pub mod paths;
pub mod plausible;
