//! The orchestrator: everything of facesets that needs no GPU.

pub mod adopt;
pub mod change;
pub mod cli;
pub mod cluster;
pub mod command;
pub mod dedup;
pub mod dispatch;
pub mod embed;
pub mod exit;
pub mod export;
pub mod extend;
pub mod fields;
pub mod gallery;
pub mod grouping;
pub mod html;
pub mod identity;
pub mod interop;
pub mod library;
pub mod log;
pub mod manifest;
pub mod matching;
pub mod monitor;
pub mod output;
pub mod photo;
pub mod pins;
pub mod plan;
pub mod quality;
pub mod refine;
pub mod source;
pub mod store;
pub mod team;
#[cfg(test)]
mod testing;
pub mod threshold;
pub mod ui;
pub mod verify;
pub mod why;
