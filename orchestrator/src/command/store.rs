//! `facesets store`: looks into the store itself.

use std::io::Write as _;

use clap::Subcommand;

use super::Context;
use crate::{
    exit::{Exit, Failure},
    store::{Store, StoreError},
};

/// Flags of `store`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do with it.
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Write everything in the store to standard output, as lines of JSON that are the same for the same content
    Dump,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    match args.command {
        StoreCommand::Dump => {
            let mut out = context.ui.stdout();
            Store::open_read(&context.library)?.dump(&mut out)?;
            out.flush().map_err(StoreError::Output)?;
        }
    }
    Ok(Exit::Done)
}
