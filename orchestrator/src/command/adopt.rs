//! `facesets adopt CORPUS`: takes a corpus of the system before this one over.

use std::{fmt, path::PathBuf};

use facesets_base::{
    exit::{Exit, Failure},
    fields::Renaming,
};
use facesets_legacy::adopt::{Counts, InSet, Leftovers};

use crate::{
    command::{Context, clustering_args::CtrlC, contract_args::ContractArgs, plan_args::BundlePlanArgs},
    pass::adopt::{self, Options, Report},
};

/// Entries without a face that are listed one by one; `--json` and the manifests of the sets have them all.
const LISTED: usize = 50;

/// Flags of `adopt`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder `facesets_swap_ready` of the old system; its photos must be in the library
    #[arg(value_name = "CORPUS")]
    corpus: PathBuf,
    /// What a field of the old manifests is called, where not as here: name, `merged_into`, file, source,
    /// sha256, bbox, reason
    #[arg(long, value_name = "FIELD=NAME", value_parser = Renaming::parse)]
    map: Vec<Renaming>,
    #[command(flatten)]
    contract: ContractArgs,
    #[command(flatten)]
    plan: BundlePlanArgs,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let options = Options {
        corpus: args.corpus.clone(),
        map: args.map.clone(),
        contract: args.contract.contract.clone(),
        plan: args.plan.options(),
    };
    let report = adopt::run(&options, &context.session(&ctrl_c.stop))?;
    context.ui.summary(&report)?;
    Ok(if report.leftovers.unmatched.is_empty() { report.planned.exit() } else { Exit::SomeFailed })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Leftovers { unmatched, dropped_unmatched } = &self.leftovers;
        for (entries, what) in [(unmatched, ""), (dropped_unmatched, "dropped ")] {
            for InSet { set, entry } in entries.iter().take(LISTED) {
                let file = entry.file.as_deref().unwrap_or("an entry");
                let source = entry.source.as_ref().map_or_else(String::new, |source| format!(" of {source}"));
                writeln!(f, "{set}: {what}{file}{source}: {}", entry.why)?;
            }
            if entries.len() > LISTED {
                writeln!(f, "… and {} more, see `--json`", entries.len() - LISTED)?;
            }
        }
        for name in &self.missing {
            writeln!(f, "{name}: its folder is not there; its number stays taken")?;
        }
        for path in &self.left {
            writeln!(f, "{path}: not ours, left where it is")?;
        }
        for (folder, sets) in self.aside.lists() {
            if !sets.is_empty() {
                writeln!(f, "in {folder}: {} sets", sets.len())?;
            }
        }
        let Counts { sets, crops, dropped, elsewhere, pinned, .. } = &self.counts;
        if *pinned > 0 {
            writeln!(f, "{pinned} crops are dropped as pins speak against them")?;
        }
        writeln!(f, "{dropped} faces are dropped for good, {elsewhere} from one set only")?;
        if !dropped_unmatched.is_empty() {
            writeln!(
                f,
                "{} dropped entries or crops fit no face: they stay, but nothing can be remembered of them",
                dropped_unmatched.len()
            )?;
        }
        // Where they were looked at, those that passed.
        let (sets, crops) =
            self.planned.crops().map_or((*sets, *crops), |written| (written.len(), written.values().sum()));
        writeln!(f, "{sets} sets with {crops} crops, {} entries without a face", unmatched.len())?;
        self.planned.fmt(f)
    }
}
