//! `facesets store import`.

use std::path::PathBuf;

use facesets_base::{
    exit::{Exit, Failure},
    fields::{FieldNames, Renaming},
};
use facesets_interop as interop;
use facesets_legacy::cache::{Assumed, FIELDS as LEGACY_FIELDS, LegacyError};
use facesets_library::store::{FileSystemPolicy, Merge, Store, StoreError, Writer};

use super::Context;
use crate::command::choices::OnDifferenceArg;

/// Flags of `store import`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// An `.npz`, or a folder of `.npy`
    #[arg(value_name = "IN")]
    arrays: PathBuf,
    /// Read the cache of another program, one row a face, and take its results for those of this contract;
    /// once for face embeddings (`face/v1/…`), once for landmarks (`landmarks/v1/…`)
    #[arg(long, value_name = "CONTRACT")]
    assume_contract: Vec<String>,
    /// What an array is called in that cache, where not as here: path, sha256, bbox, `det_score`, embedding,
    /// norm, blur, keypoints, `landmarks_106`, `landmarks_68`, noface
    #[arg(long, value_name = "FIELD=NAME", value_parser = Renaming::parse, requires = "assume_contract")]
    map: Vec<Renaming>,
    /// What to do where the library holds another value under the same key
    #[arg(long, value_enum, default_value_t)]
    existing: OnDifferenceArg,
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
    // What is said wrongly must not make a library.
    let legacy = (!args.assume_contract.is_empty()).then(|| Legacy::of(args)).transpose()?;
    if args.dry_run {
        let store = match Store::open_read(&context.library) {
            Err(StoreError::NoLibrary(_)) => Store::empty()?,
            opened => opened?,
        };
        return import(args, legacy.as_ref(), store.rehearse_merge(args.existing.into())?, context);
    }
    let policy = if args.unsafe_fs { FileSystemPolicy::RollbackJournal } else { FileSystemPolicy::Refuse };
    let mut writer = Writer::open(&context.library, policy)?;
    import(args, legacy.as_ref(), writer.merge(args.existing.into())?, context)
}

/// How the cache of another program is to be understood.
struct Legacy {
    fields: FieldNames,
    assumed: Assumed,
}

impl Legacy {
    fn of(args: &Args) -> Result<Self, LegacyError> {
        let fields = FieldNames::new(&LEGACY_FIELDS, &args.map)?;
        Ok(Self { fields, assumed: Assumed::parse(&args.assume_contract)? })
    }
}

fn import(
    args: &Args,
    legacy: Option<&Legacy>,
    merge: Merge<'_>,
    context: &Context,
) -> Result<Exit, Failure> {
    let monitor = context.monitor();
    let Some(Legacy { fields, assumed }) = legacy else {
        context.ui.summary(&interop::import(&args.arrays, merge, monitor)?)?;
        return Ok(Exit::Done);
    };
    let summary = facesets_legacy::cache::import_legacy(&args.arrays, fields, *assumed, merge, monitor)?;
    context.ui.summary(&summary)?;
    Ok(if summary.left_out.is_empty() { Exit::Done } else { Exit::SomeFailed })
}
