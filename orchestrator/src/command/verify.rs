//! `facesets verify CORPUS`: checks manifests against files and the library.

use std::{fmt, path::PathBuf};

use facesets_base::exit::{Exit, Failure};
use facesets_corpus::verify::{Finding, Verified};

use super::{Context, clustering_args::CtrlC};
use crate::pass::verify::{self, Options, Report};

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

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let Args { corpus, files, repair } = args;
    let options = Options { corpus: corpus.clone(), files: *files, repair: *repair };
    let report = verify::run(&options, &context.session(&ctrl_c.stop))?;
    context.ui.summary(&report)?;
    Ok(if report.0.findings.is_empty() { Exit::Done } else { Exit::SomeFailed })
}

impl fmt::Display for Report {
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
