//! `facesets verify CORPUS`: checks manifests against files and the library.

use std::{fmt, path::PathBuf};

use serde::Serialize;

use super::{Context, plan_args::absolute};
use crate::{
    exit::{Exit, Failure},
    store::{Store, Writer},
    verify::{Depth, Verified, contract_of, repair, verify},
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
    /// Make again what can be derived, if CORPUS is of `export-swap`: crops from bundles or photos, bundles from crops, markers, the
    /// manifest over all from those of the sets. Only what has the digest that a manifest names is put in place
    #[arg(long)]
    repair: bool,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Summary(Verified);

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let corpus = absolute(&args.corpus)?;
    // While it repairs, nobody else changes anything.
    let lock = args.repair.then(|| Writer::open_existing(&context.library)).transpose()?;
    let mut repaired = Vec::new();
    if args.repair {
        repaired = repair::manifest_over_all(&corpus, context.monitor())?;
    }
    let contract = contract_of(&corpus)?;
    let store = Store::open_read(&context.library)?;
    let gallery = store.gallery(Some(&contract))?;
    if args.repair {
        repaired.extend(repair::files(&corpus, &store, &gallery, context.monitor())?);
    }
    let depth = if args.files { Depth::Bytes } else { Depth::Names };
    let verified = Verified { repaired, ..verify(&corpus, &gallery, depth, context.monitor())? };
    drop(lock);
    let exit = if verified.findings.is_empty() { Exit::Done } else { Exit::SomeFailed };
    context.ui.summary(&Summary(verified))?;
    Ok(exit)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verified { sets, files, vanished, repaired, findings } = &self.0;
        repaired.iter().try_for_each(|file| writeln!(f, "{file}: repaired"))?;
        findings.iter().try_for_each(|finding| writeln!(f, "{}: {}", finding.what, finding.problem))?;
        writeln!(f, "{sets} sets, {files} files, {} findings", findings.len())?;
        if *vanished > 0 {
            writeln!(f, "{vanished} photos lie nowhere any more and are only in the manifest")?;
        }
        Ok(())
    }
}
