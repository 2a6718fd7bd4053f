//! `facesets status`: placeholder.
use super::Context;
use crate::exit::{Exit, Failure};
/// Flags of `status`.
#[derive(Debug, clap::Args)]
pub struct Args {}
/// Runs the command.
pub fn run(_args: &Args, _context: &Context) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
