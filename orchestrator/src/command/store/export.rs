//! `facesets store export`.

use std::path::PathBuf;

use facesets_base::{
    exit::{Exit, Failure},
    output::Existing,
};
use facesets_interop::{self as interop, Target};
use facesets_library::store::Store;

use super::Context;
use crate::command::choices::StoreFormatArg;

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
        interop::Format::Parquet => {
            use facesets_base::output::{OutputDir, OutputKind};

            let used = [context.library.folder()];
            let output = OutputDir::create(&args.out, OutputKind::Tables, existing, &used)
                .map_err(interop::InteropError::from)?;
            interop::export_parquet(&store, contract, output, monitor)?
        }
        format => interop::export(&store, contract, Target::create(&args.out, format, existing)?, monitor)?,
    };
    context.ui.summary(&summary)?;
    Ok(Exit::Done)
}
