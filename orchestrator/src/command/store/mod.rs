//! `facesets store`: looks into the store itself.

mod backup;
mod export;
mod forget;
mod import;
mod verify;

use std::io::Write as _;

use clap::Subcommand;
use facesets_base::exit::{Exit, Failure};
use facesets_library::store::{Store, StoreError};

use super::{Context, Log};

/// Flags of `store`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do with it.
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Write everything in the store to standard output, as lines of JSON that are the same for the same
    /// content
    Dump,
    /// Write every field as arrays that `numpy.load` reads, or as Parquet tables
    Export(export::Args),
    /// Read arrays that `store export` wrote, all of them or nothing
    Import(import::Args),
    /// Check every page, key and number of the store; exit code 1 if anything is wrong
    Verify(verify::Args),
    /// Write a copy of the store, also while it is in use
    Backup(backup::Args),
    /// Take photos out of the library for good, with their faces, embeddings and pins
    Forget(forget::Args),
}

impl Args {
    /// The log that a long command keeps.
    pub(super) fn log(&self) -> Option<Log> {
        match &self.command {
            StoreCommand::Dump => None,
            StoreCommand::Export(_) => Some(Log::Wanted("store-export")),
            StoreCommand::Import(args) => args.writes().then_some(Log::Needed("store-import")),
            StoreCommand::Verify(_) => Some(Log::Wanted("store-verify")),
            StoreCommand::Backup(_) => Some(Log::Wanted("store-backup")),
            StoreCommand::Forget(args) => args.writes().then_some(Log::Wanted("store-forget")),
        }
    }
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    match &args.command {
        StoreCommand::Dump => dump(context),
        StoreCommand::Export(args) => export::run(args, context),
        StoreCommand::Import(args) => import::run(args, context),
        StoreCommand::Verify(args) => verify::run(args, context),
        StoreCommand::Backup(args) => backup::run(args, context),
        StoreCommand::Forget(args) => forget::run(args, context),
    }
}

fn dump(context: &Context) -> Result<Exit, Failure> {
    let mut out = context.ui.stdout();
    Store::open_read(&context.library)?.dump(&mut out)?;
    out.flush().map_err(StoreError::Output)?;
    Ok(Exit::Done)
}
