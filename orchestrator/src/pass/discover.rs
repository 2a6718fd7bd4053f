//! New identities among the faces of a folder.

use std::path::PathBuf;

use facesets_base::exit::Failure;
use facesets_corpus::{
    export::corpus::Corpus,
    identity::{Canonical, DiscoverParameters, Discovery, discover},
    manifest::{dropped_faces, highest_number},
    plan::{Becomes, Plan, Target, manifest_digest},
    sets::{highest_faceset, highest_in},
};
use facesets_library::store::Writer;
use facesets_people::{
    consent::{ConsentBook, Demand},
    gallery::FaceIndex,
};
use serde::Serialize;

use crate::pass::{
    Session,
    clustering::{ClusteringOptions, Watcher, load_view},
    drop_report::DropReport,
    planning::{BundlePlanOptions, Means, Planned, absolute},
    shortage::{Flags, Shortage},
};

/// What is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Folder of embedded photos to look in.
    pub(crate) root: PathBuf,
    /// Folder that `export-swap` wrote.
    pub(crate) corpus: PathBuf,
    /// Thresholds and gates.
    pub(crate) parameters: DiscoverParameters,
    /// Who clusters.
    pub(crate) clustering: ClusteringOptions,
    /// Whether to do it.
    pub(crate) plan: BundlePlanOptions,
}

/// What was found, and what became of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    pub(crate) discovery: Discovery,
    #[serde(flatten)]
    pub(crate) dropped: DropReport,
    /// Why no cluster is a set, where there are clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shortage: Option<Shortage>,
    #[serde(flatten)]
    pub(crate) planned: Planned,
}

/// Runs the pass.
pub(crate) fn run(options: &Options, session: &Session<'_>) -> Result<Report, Failure> {
    let mut journal = Writer::open_existing(session.library)?;
    let (root, corpus_root) = (absolute(&options.root)?, session.output(&options.corpus)?);
    let corpus = Corpus::read(&corpus_root)?;
    let gallery =
        options.clustering.load_from(journal.store(), Some(&corpus.manifest.contract), session.monitor)?;
    let watcher = Watcher::new(session.monitor, session.stop);
    let view = load_view(journal.store(), gallery, session.monitor)?;
    let gallery = &view.gallery;
    let highest = highest_faceset(journal.store())?.max(highest_in(&corpus_root));
    let mut known = canonical(&corpus, &view.index, highest);
    if options.plan.demand != Demand::IncludingRefused {
        add_refused(&mut known, &view.consent);
    }
    if !gallery.contents.iter().any(|content| content.lies_below(&root)) {
        session.monitor.note(&format!(
            "the library knows no photo in `{0}`: `facesets embed {0}` looks for faces in it",
            root.display()
        ));
    }
    let (additions, mut discovery) = discover(
        gallery,
        &root,
        &known,
        &options.parameters,
        &corpus.manifest.parameters,
        &options.clustering.grouping(&watcher, &view.pins),
    )?;
    session.monitor.finish();

    let mut plan = Plan::new(format!("discover {}", root.display()), gallery);
    if !additions.sets.is_empty() {
        let was = manifest_digest(&corpus_root)?;
        plan.targets.push(Target { root: corpus_root, was, becomes: Becomes::Corpus(additions) });
    }
    let dropped = DropReport::new(gallery, dropped_faces(gallery, &discovery.dropped));
    let none = discovery.unmatched > 0 && discovery.survivors == 0;
    let shortage = none.then(|| Shortage::new(&dropped.dropped, &discovery.thin, Flags::Gates));
    let means = Means { view: &view, journal: &mut journal, session };
    let planned = options.plan.carry_out(plan, means)?;
    if let Some(bundled) = planned.bundled() {
        discovery.settle(&bundled.crops, &bundled.withheld);
    }
    let shortage = shortage.or_else(|| planned.shortage(Flags::Export));
    Ok(Report { discovery, dropped, shortage, planned })
}

/// The identities of a corpus that new ones must not collide with. Numbers of era splits and of what was set
/// aside are taken too, and those up to `highest`.
fn canonical(corpus: &Corpus, index: &FaceIndex, highest: usize) -> Canonical {
    Canonical {
        names: corpus.canonical().map(|set| set.name.clone()).collect(),
        rows: corpus.canonical().map(|set| set.rows(index)).collect(),
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
