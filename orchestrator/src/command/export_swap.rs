//! `facesets export-swap`.

use super::Context;
use crate::exit::{Exit, Failure, Hint};

/// Flags of `export-swap`.
#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Debug, thiserror::Error)]
#[error("`export-swap` is not built yet")]
struct NotBuiltYet;

impl Hint for NotBuiltYet {}

/// Runs the command.
pub fn run(_args: &Args, _context: &Context) -> Result<Exit, Failure> {
    Err(NotBuiltYet.into())
}
