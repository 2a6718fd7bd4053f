//! `facesets store import`.

use std::path::PathBuf;

use super::Context;
use crate::{
    exit::{Exit, Failure},
    interop,
    store::{FileSystemPolicy, OnDifference, Store, StoreError, Writer},
};

/// Flags of `store import`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// An `.npz`, or a folder of `.npy`
    #[arg(value_name = "IN")]
    arrays: PathBuf,
    /// What to do where the library holds another value under the same key
    #[arg(long, value_enum, default_value_t)]
    existing: OnDifference,
    /// Check and compare everything, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Use a library on a file system that SQLite's write-ahead log cannot be trusted on
    #[arg(long)]
    unsafe_fs: bool,
}

impl Args {
    pub(super) fn writes(&self) -> bool {
        !self.dry_run
    }
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let monitor = context.monitor();
    let summary = if args.dry_run {
        let store = match Store::open_read(&context.library) {
            Err(StoreError::NoLibrary(_)) => Store::empty()?,
            opened => opened?,
        };
        interop::import(&args.arrays, store.rehearse_merge(args.existing)?, monitor)?
    } else {
        let policy =
            if args.unsafe_fs { FileSystemPolicy::RollbackJournal } else { FileSystemPolicy::Refuse };
        let mut writer = Writer::open(&context.library, policy)?;
        interop::import(&args.arrays, writer.merge(args.existing)?, monitor)?
    };
    context.ui.summary(&summary)?;
    Ok(Exit::Done)
}
