//! The orchestrator: everything of facesets that needs no GPU.

pub mod cli;
pub mod cluster;
pub mod command;
pub mod dispatch;
pub mod embed;
pub mod exit;
pub mod export;
pub mod gallery;
pub mod interop;
pub mod library;
pub mod log;
pub mod manifest;
pub mod monitor;
pub mod output;
pub mod photo;
pub mod quality;
pub mod refine;
pub mod source;
pub mod store;
pub mod threshold;
pub mod ui;
