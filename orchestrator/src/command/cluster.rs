//! `facesets cluster`.

use super::Context;
use crate::exit::{Exit, Failure, Hint};

/// Flags of `cluster`.
#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Debug, thiserror::Error)]
#[error("`cluster` is not built yet")]
struct NotBuiltYet;

impl Hint for NotBuiltYet {}

/// Runs the command.
pub fn run(_args: &Args, _context: &Context) -> Result<Exit, Failure> {
    Err(NotBuiltYet.into())
}
