//! `facesets store export`.

use std::path::PathBuf;

use facesets_base::{
    exit::{Exit, Failure},
    output::{Existing, OutputDir, OutputKind},
};
use facesets_interop as interop;

use super::Context;
use crate::command::choices::StoreFormatArg;
#[cfg(feature = "parquet")]
use facesets_interop::InteropError;
use facesets_interop::{Format, Target};
use facesets_library::store::Store;

/// Flags of `store export`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file, or the folder with other formats than `npz`
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// How the data lie in files
    #[arg(long, value_enum, default_value_t = StoreFormatArg::Npz)]
    format: StoreFormatArg,
    /// Which embeddings, where the library has several kinds
    #[arg(long, value_name = "CONTRACT")]
    contract: Option<String>,
    /// Replace an earlier export of that name; one that is a folder is moved aside
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let store = Store::open_read(&context.library)?;
    let existing = if args.force { Existing::MoveAside } else { Existing::Refuse };
    let (contract, monitor) = (args.contract.as_deref(), context.monitor());
    let summary = match args.format.into() {
        #[cfg(feature = "parquet")]
        Format::Parquet => interop::export_parquet(
            &store,
            contract,
            OutputDir::create(&args.out, OutputKind::Tables, existing, &[context.library.folder()])
                .map_err(InteropError::from)?,
            monitor,
        )?,
        format => interop::export(&store, contract, Target::create(&args.out, format, existing)?, monitor)?,
    };
    context.ui.summary(&summary)?;
    Ok(Exit::Done)
}
