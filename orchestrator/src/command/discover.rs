//! `facesets discover ROOT --corpus DIR`: new identities among the faces of a folder.

use std::{fmt, path::PathBuf};

use facesets_base::{
    exit::{Exit, Failure},
    monitor::Monitor as _,
};
use facesets_corpus::{
    export::corpus::Corpus,
    identity::{Canonical, Discovery, SetMatches, discover},
    manifest::{dropped_faces, highest_number},
    plan::{Becomes, Plan, Target, manifest_digest},
    sets::{highest_faceset, highest_in},
};
use facesets_library::store::Writer;
use facesets_people::{
    consent::{ConsentBook, Demand},
    gallery::{FaceIndex, Gallery},
};
use serde::Serialize;

use super::{
    Context,
    clustering::{ClusteringArgs, CtrlC, Pins, Watcher},
    drop_report::DropReport,
    plan_args::{BundlePlanArgs, Means, Planned, absolute},
    shortage::{Flags, Shortage},
};
use crate::command::parameters::DiscoverArgs;

/// Flags of `discover`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of embedded photos to look in
    #[arg(value_name = "ROOT")]
    root: PathBuf,
    /// Folder that `facesets export-swap` wrote; new sets are added to it, the others stay as they are
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    #[command(flatten)]
    parameters: DiscoverArgs,
    #[command(flatten)]
    clustering: ClusteringArgs,
    #[command(flatten)]
    plan: BundlePlanArgs,
}

/// What was found, and what became of it.
#[derive(Debug, Serialize)]
struct Summary {
    #[serde(flatten)]
    discovery: Discovery,
    #[serde(flatten)]
    dropped: DropReport,
    /// Why no cluster is a set, where there are clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    shortage: Option<Shortage>,
    #[serde(flatten)]
    planned: Planned,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let mut journal = Writer::open_existing(&context.library)?;
    let (root, corpus_root) = (absolute(&args.root)?, context.output(&args.corpus)?);
    let corpus = Corpus::read(&corpus_root)?;
    let gallery =
        args.clustering.load_from(journal.store(), Some(&corpus.manifest.contract), context.monitor())?;
    let watcher = Watcher::new(context.monitor(), &ctrl_c.stop);
    let pins = Pins::load(journal.store(), &gallery, context.monitor())?;
    let highest = highest_faceset(journal.store())?.max(highest_in(&corpus_root));
    let mut known = canonical(&corpus, &gallery, highest);
    if args.plan.demand() != Demand::IncludingRefused {
        add_refused(&mut known, &ConsentBook::new(&gallery, &journal.store().consent_statements()?));
    }
    let (additions, mut discovery) = discover(
        &gallery,
        &root,
        &known,
        &args.parameters.into(),
        &corpus.manifest.parameters,
        &args.clustering.grouping(&watcher, &pins.resolved),
    )?;
    context.ui.finish();

    let mut plan = Plan::new(format!("discover {}", root.display()), &gallery);
    if !additions.sets.is_empty() {
        let was = manifest_digest(&corpus_root)?;
        plan.targets.push(Target { root: corpus_root, was, becomes: Becomes::Corpus(additions) });
    }
    let dropped = DropReport::new(&gallery, dropped_faces(&gallery, &discovery.dropped));
    let none = discovery.unmatched > 0 && discovery.survivors == 0;
    let shortage = none.then(|| Shortage::new(&dropped.dropped, &discovery.thin, Flags::Gates));
    let means = Means { gallery: &gallery, journal: &mut journal, context, stop: &ctrl_c.stop };
    let planned = args.plan.carry_out(plan, means)?;
    let exit = planned.exit();
    if let Some(bundled) = planned.bundled() {
        discovery.settle(&bundled.crops, &bundled.withheld);
    }
    let shortage = shortage.or_else(|| planned.shortage(Flags::Export));
    context.ui.summary(&Summary { discovery, dropped, shortage, planned })?;
    Ok(exit)
}

/// The identities of a corpus that new ones must not collide with. Numbers of era splits and of what was set
/// aside are taken too, and those up to `highest`.
fn canonical(corpus: &Corpus, gallery: &Gallery, highest: usize) -> Canonical {
    let index = FaceIndex::new(gallery);
    Canonical {
        names: corpus.canonical().map(|set| set.name.clone()).collect(),
        rows: corpus.canonical().map(|set| set.rows(&index)).collect(),
        next_number: highest_number("faceset", corpus.manifest.names()).max(highest) + 1,
    }
}

/// Whose consent is refused is known, though no set may be there: new photos of them are no new identity.
fn add_refused(known: &mut Canonical, consent: &ConsentBook) {
    for (statement, rows) in consent.refused() {
        known.names.push(format!("consent refused by statement {statement}"));
        known.rows.push(rows);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Discovery { faces, matches, unmatched, clusters, survivors, emitted, gaps, .. } = &self.discovery;
        write!(f, "{}", self.dropped)?;
        for SetMatches { name, faces } in matches {
            writeln!(f, "{name}: {faces} faces match")?;
        }
        writeln!(f, "{faces} faces, {} of known people, {unmatched} of nobody known", faces - unmatched)?;
        writeln!(f, "{clusters} clusters, {survivors} pass the gates")?;
        if let Some(shortage) = &self.shortage {
            write!(f, "{shortage}")?;
        }
        // Which crops show the same, and which pass, is seen when they are made.
        let about = if self.planned.crops().is_some() { "" } else { "up to " };
        for SetMatches { name, faces } in emitted {
            writeln!(f, "{name}: new, {about}{faces} crops")?;
        }
        for SetMatches { name, faces } in gaps {
            writeln!(
                f,
                "{name}: the export leaves nothing of its {faces} faces (see `gaps` in the manifest)"
            )?;
        }
        self.planned.fmt(f)
    }
}
