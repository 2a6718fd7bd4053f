//! Takes a corpus of the system before this one over.

use std::path::PathBuf;

use facesets_base::{
    exit::{Failure, Hint},
    fields::{FieldNames, Renaming},
    paths::path_text,
};
use facesets_corpus::{
    export::manifest::Aside,
    plan::{Becomes, Plan, Target, manifest_digest},
};
use facesets_legacy::adopt::{
    Counts, Leftovers, adopt,
    old::{FIELDS, OldCorpus},
};
use facesets_library::store::Writer;
use serde::Serialize;

use crate::pass::{
    Session,
    clustering::load_view,
    planning::{BundlePlanOptions, Means, Planned},
};

/// What is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Folder of the old system.
    pub(crate) corpus: PathBuf,
    /// What fields of the old manifests are called.
    pub(crate) map: Vec<Renaming>,
    /// Contract of the embeddings, where the library has more than one.
    pub(crate) contract: Option<String>,
    /// Whether to do it.
    pub(crate) plan: BundlePlanOptions,
}

/// What was recognised, and what became of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    pub(crate) counts: Counts,
    #[serde(flatten)]
    pub(crate) leftovers: Leftovers,
    pub(crate) aside: Aside,
    pub(crate) missing: Vec<String>,
    /// Files and folders of systems and other programs, and those whose names are no text: they stay where
    /// they are.
    pub(crate) left: Vec<String>,
    #[serde(flatten)]
    pub(crate) planned: Planned,
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

/// Runs the pass.
pub(crate) fn run(options: &Options, session: &Session<'_>) -> Result<Report, Failure> {
    let fields = FieldNames::new(&FIELDS, &options.map)?;
    let mut journal = Writer::open_existing(session.library)?;
    let root = session.output(&options.corpus)?;
    let old = OldCorpus::read(&root, &fields)?;
    let gallery = journal.store().gallery(options.contract.as_deref())?;
    let view = load_view(journal.store(), gallery, session.monitor)?;
    let (adoption, counts, leftovers) = adopt(&view.gallery, &old, &view.pins);
    if counts.sets == 0 {
        let contract = view.gallery.contract.clone();
        return Err(Strange { root, entries: counts.entries, contract }.into());
    }
    let left = old.left.iter().map(|path| path_text(path)).collect();
    let (aside, missing) = (adoption.aside.clone(), adoption.missing.clone());
    let mut plan = Plan::new(format!("adopt {}", root.display()), &view.gallery);
    let was = manifest_digest(&root)?;
    plan.targets.push(Target { root, was, becomes: Becomes::Adopted(adoption) });
    let means = Means { view: &view, journal: &mut journal, session };
    let planned = options.plan.carry_out(plan, means)?;
    Ok(Report { counts, leftovers, aside, missing, left, planned })
}
