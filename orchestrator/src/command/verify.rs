//! `facesets verify CORPUS`: checks manifests against files and the library.

use std::{fmt, path::PathBuf};

use facesets_base::{
    exit::{Exit, Failure},
    monitor::Silent,
};
use facesets_corpus::verify::{Depth, Finding, Known, Repaired, Verified, contract_of, repair, verify};
use facesets_library::store::{Store, Writer};
use facesets_people::consent::ConsentBook;
use serde::Serialize;

use super::{
    Context,
    clustering::{CtrlC, Pins},
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
    /// Make again what can be derived, if CORPUS is of `export-swap`: crops from bundles or photos, bundles
    /// from crops, markers, the manifest over all from those of the sets. Only what has the digest that a
    /// manifest names is put in place, and what had the place is kept in `CORPUS/.facesets`; crops that your
    /// pins speak against stay until their set is made again
    #[arg(long)]
    repair: bool,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Summary(Verified);

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let corpus = context.output(&args.corpus)?;
    // While it repairs, nobody else changes anything.
    let lock = args.repair.then(|| Writer::open_existing(&context.library)).transpose()?;
    let mut repaired = Repaired::default();
    if args.repair {
        repaired = repair::manifest_over_all(&corpus, context.monitor())?;
    }
    let contract = contract_of(&corpus)?;
    let store = Store::open_read(&context.library)?;
    let gallery = store.gallery(Some(&contract))?;
    let pins = Pins::load(&store, &gallery, &Silent)?.resolved;
    let watched = (context.monitor(), &ctrl_c.stop);
    if args.repair {
        let files = repair::files(&corpus, &store, &gallery, watched)?;
        repaired.files.extend(files.files);
        repaired.kept.extend(files.kept);
        repaired.left.extend(files.left);
    }
    let Repaired { files, kept, left } = repaired;
    for (file, why) in left {
        context.monitor().problem(&file, &format!("is not repaired: {why}"));
    }
    let consent = ConsentBook::new(&gallery, &store.consent_statements()?);
    let known = Known { gallery: &gallery, pins: &pins, consent: &consent };
    let depth = if args.files { Depth::Bytes } else { Depth::Names };
    let verified = Verified { repaired: files, kept, ..verify(&corpus, &known, depth, watched)? };
    drop(lock);
    let exit = if verified.findings.is_empty() { Exit::Done } else { Exit::SomeFailed };
    context.ui.summary(&Summary(verified))?;
    Ok(exit)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verified { sets, files, vanished, absent, repaired, kept, litter, findings } = &self.0;
        repaired.iter().try_for_each(|file| writeln!(f, "{file}: repaired"))?;
        kept.iter().try_for_each(|file| writeln!(f, "what was there is kept as {file}"))?;
        litter.iter().try_for_each(|file| writeln!(f, "{file}: not ours, left where it is"))?;
        for Finding { what, problem, hint, .. } in findings {
            write!(f, "{what}: {problem}")?;
            match hint {
                Some(hint) => writeln!(f, " ({hint})")?,
                None => writeln!(f)?,
            }
        }
        writeln!(f, "{sets} sets, {files} files, {} findings", findings.len())?;
        if *vanished > 0 {
            writeln!(f, "{vanished} photos lie nowhere any more and are only in the manifest")?;
        }
        if *absent > 0 {
            writeln!(
                f,
                "{absent} faces are of photos that are gone or left out by now: made anew, the folder is without them"
            )?;
        }
        Ok(())
    }
}
