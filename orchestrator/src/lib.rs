//! The orchestrator's program: everything of facesets that needs no GPU, as commands.

pub mod cli;
pub mod command;
pub mod log;
pub mod pass;
pub mod ui;
