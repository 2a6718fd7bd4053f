//! The orchestrator: everything of facesets that needs no GPU.

pub mod cli;
pub mod command;
pub mod exit;
pub mod gallery;
pub mod library;
pub mod log;
pub mod monitor;
pub mod store;
pub mod ui;
