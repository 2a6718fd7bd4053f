//! `facesets store backup`.

use std::{fmt, path::PathBuf};

use facesets_base::{
    exit::{Exit, Failure},
    output::Existing,
};
use facesets_interop as interop;
use facesets_library::store::Store;
use serde::Serialize;

use super::Context;

/// Flags of `store backup`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The copy; put back as `library.sqlite` into an empty library folder, it is a library again
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace an earlier copy of that name; nothing else is ever replaced
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Serialize)]
struct Summary {
    written: String,
    bytes: u64,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let existing = if args.force { Existing::MoveAside } else { Existing::Refuse };
    let store = Store::open_read(&context.library)?;
    let bytes = interop::backup(&store, &context.library.store_file(), &args.file, existing)?;
    context.ui.summary(&Summary { written: args.file.display().to_string(), bytes })?;
    Ok(Exit::Done)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "written    {} ({} bytes)", self.written, self.bytes)
    }
}
