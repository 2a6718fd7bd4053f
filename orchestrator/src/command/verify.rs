//! `facesets verify CORPUS`: checks manifests against files and the library.

use std::{fmt, path::PathBuf};

use serde::Serialize;

use super::{Context, plan_args::absolute};
use crate::{
    exit::{Exit, Failure},
    store::Store,
    verify::{Depth, Verified, contract_of, verify},
};

/// Flags of `verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder that `facesets cluster`, `refine` or `export-swap` wrote
    #[arg(value_name = "CORPUS")]
    corpus: PathBuf,
    /// Read every photo in it and compare its sha256
    #[arg(long)]
    files: bool,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Summary(Verified);

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let corpus = absolute(&args.corpus)?;
    let contract = contract_of(&corpus)?;
    let gallery = Store::open_read(&context.library)?.gallery(Some(&contract))?;
    let depth = if args.files { Depth::Bytes } else { Depth::Names };
    let verified = verify(&corpus, &gallery, depth, context.monitor())?;
    let exit = if verified.findings.is_empty() { Exit::Done } else { Exit::SomeFailed };
    context.ui.summary(&Summary(verified))?;
    Ok(exit)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verified { sets, files, vanished, findings } = &self.0;
        findings.iter().try_for_each(|finding| writeln!(f, "{}: {}", finding.what, finding.problem))?;
        writeln!(f, "{sets} sets, {files} files, {} findings", findings.len())?;
        if *vanished > 0 {
            writeln!(f, "{vanished} photos lie nowhere any more and are only in the manifest")?;
        }
        Ok(())
    }
}
