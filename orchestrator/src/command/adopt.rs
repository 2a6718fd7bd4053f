//! `facesets adopt CORPUS`: takes a corpus of the system before this one over.

use std::{fmt, path::PathBuf};

use facesets_base::{
    exit::{Exit, Failure, Hint},
    fields::{FieldNames, Renaming},
    paths::path_text,
};
use facesets_corpus::{
    export::manifest::Aside,
    plan::{Becomes, Plan, Target, manifest_digest},
};
use facesets_legacy::adopt::{
    Counts, InSet, Leftovers, adopt,
    old::{FIELDS, OldCorpus},
};
use facesets_library::store::Writer;
use serde::Serialize;

use super::{
    Context,
    clustering::{CtrlC, Pins},
    contract_args::ContractArgs,
    plan_args::{BundlePlanArgs, Means, Planned},
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

/// What was recognised, and what became of it.
#[derive(Debug, Serialize)]
struct Summary {
    #[serde(flatten)]
    counts: Counts,
    #[serde(flatten)]
    leftovers: Leftovers,
    aside: Aside,
    missing: Vec<String>,
    /// Files and folders of systems and other programs, and those whose names are no text: they stay where
    /// they are.
    left: Vec<String>,
    #[serde(flatten)]
    planned: Planned,
}

/// A corpus of other photos than the library's.
#[derive(Debug, thiserror::Error)]
#[error("none of the {entries} entries in `{root}` is a face of this library under contract `{contract}`")]
struct Strange {
    root: PathBuf,
    entries: usize,
    contract: String,
}

impl Hint for Strange {
    fn hint(&self) -> Option<String> {
        Some(
            "run `facesets embed` on the photos at the paths that the old manifests name, or `facesets store import` \
             on the old cache"
                .to_owned(),
        )
    }
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let fields = FieldNames::new(&FIELDS, &args.map)?;
    let mut journal = Writer::open_existing(&context.library)?;
    let root = context.output(&args.corpus)?;
    let old = OldCorpus::read(&root, &fields)?;
    let gallery = journal.store().gallery(args.contract.contract.as_deref())?;
    let pins = Pins::load(journal.store(), &gallery, context.monitor())?;
    let (adoption, counts, leftovers) = adopt(&gallery, &old, &pins.resolved);
    if counts.sets == 0 {
        let contract = gallery.contract.clone();
        return Err(Strange { root, entries: counts.entries, contract }.into());
    }
    let left = old.left.iter().map(|path| path_text(path)).collect();
    let (aside, missing) = (adoption.aside.clone(), adoption.missing.clone());
    let mut plan = Plan::new(format!("adopt {}", root.display()), &gallery);
    let was = manifest_digest(&root)?;
    plan.targets.push(Target { root, was, becomes: Becomes::Adopted(adoption) });
    let means = Means { gallery: &gallery, journal: &mut journal, context, stop: &ctrl_c.stop };
    let planned = args.plan.carry_out(plan, means)?;
    let exit = if leftovers.unmatched.is_empty() { planned.exit() } else { Exit::SomeFailed };
    context.ui.summary(&Summary { counts, leftovers, aside, missing, left, planned })?;
    Ok(exit)
}

impl fmt::Display for Summary {
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
