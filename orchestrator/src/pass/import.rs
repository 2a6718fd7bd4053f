//! Identities that folders assert.

use std::{
    fs,
    path::{Path, PathBuf},
};

use facesets_base::{
    exit::{Failure, Hint},
    layout::{KEPT, MANIFEST},
    output::{OutputKind, demand_free},
};
use facesets_corpus::{
    export::{ExportParameters, manifest::CorpusManifest},
    identity::{Imported, Recipe, RecipeError, sorted_identities},
    manifest::{self, highest_number},
    plan::{Becomes, Plan, Target, manifest_digest},
    sets::{highest_faceset, highest_in},
};
use facesets_library::store::Writer;
use serde::Serialize;

use crate::pass::{
    Session,
    changing::refuse_waiting,
    clustering::load_view,
    planning::{BundlePlanOptions, Means, NotThere, Planned, absolute},
    shortage::{Flags, Shortage},
};

/// What is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The recipe.
    pub(crate) recipe: PathBuf,
    /// Folder that `export-swap` wrote, or one to be made.
    pub(crate) corpus: PathBuf,
    /// Contract of the embeddings, where the library has more than one.
    pub(crate) contract: Option<String>,
    /// Whether to do it.
    pub(crate) plan: BundlePlanOptions,
}

/// What was found, and what became of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    pub(crate) imported: Imported,
    /// Why there is no set, where nothing is left of any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shortage: Option<Shortage>,
    #[serde(flatten)]
    pub(crate) planned: Planned,
}

/// A recipe that does not fit the corpus, or is none.
#[derive(Debug, thiserror::Error)]
enum ImportError {
    #[error("cannot read `{path}`: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("`{path}`: {source}")]
    Recipe { path: PathBuf, source: RecipeError },
    #[error("`{label}` is in the corpus already: {name}")]
    Known { label: String, name: String },
}

impl Hint for ImportError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable { .. } => None,
            Self::Recipe { .. } => {
                Some("a recipe begins like `trusted = [\"/photos/anna\", \"/photos/bert\"]`".to_owned())
            }
            Self::Known { .. } => Some(
                "take it out of the recipe, or take the earlier import back with `facesets undo`".to_owned(),
            ),
        }
    }
}

/// Runs the pass.
pub(crate) fn run(options: &Options, session: &Session<'_>) -> Result<Report, Failure> {
    let recipe = read_recipe(&options.recipe)?;
    let mut journal = Writer::open_existing(session.library)?;
    let root = corpus_root(&options.corpus, session)?;
    let corpus: Option<CorpusManifest> =
        root.join(MANIFEST).exists().then(|| manifest::read(&root)).transpose()?;
    if corpus.is_none() {
        // A new corpus goes nowhere where there are other things.
        demand_free(&root, OutputKind::Corpus, KEPT)?;
    }
    let contract = corpus.as_ref().map(|corpus| corpus.contract.as_str()).or(options.contract.as_deref());
    let gallery = journal.store().gallery(contract)?;
    if let Some(corpus) = &corpus {
        refuse_known(&recipe, corpus)?;
    }
    let view = load_view(journal.store(), gallery, session.monitor)?;
    let inherited = corpus.as_ref().map_or_else(ExportParameters::default, |corpus| corpus.parameters);
    let export = ExportParameters {
        top_n: recipe.top_n.unwrap_or(inherited.top_n),
        min_face_short: recipe.min_face_short.unwrap_or(inherited.min_face_short),
        ..inherited
    };
    let taken = highest_number("faceset", corpus.iter().flat_map(CorpusManifest::names));
    let first = taken.max(highest_faceset(journal.store())?).max(highest_in(&root)) + 1;
    let (additions, mut imported) = sorted_identities(&view.gallery, &recipe, first, &export, &view.pins);

    let mut plan = Plan::new(format!("import folders {}", options.recipe.display()), &view.gallery);
    if !additions.sets.is_empty() {
        let was = manifest_digest(&root)?;
        plan.targets.push(Target { root, was, becomes: Becomes::Corpus(additions) });
    }
    let means = Means { view: &view, journal: &mut journal, session };
    let planned = options.plan.carry_out(plan, means)?;
    if let Some(crops) = planned.crops() {
        imported.settle(crops);
    }
    let shortage = planned.shortage(Flags::Recipe);
    Ok(Report { imported, shortage, planned })
}

/// Reads a recipe; its folders get the paths under which the library knows their photos.
fn read_recipe(path: &Path) -> Result<Recipe, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|source| ImportError::Unreadable { path: path.to_owned(), source })?;
    let mut recipe =
        Recipe::parse(&text).map_err(|source| ImportError::Recipe { path: path.to_owned(), source })?;
    let home = absolute(path)?.parent().map_or_else(PathBuf::new, Path::to_owned);
    let real = |folder: &Path| absolute(&home.join(folder));
    for trusted in &mut recipe.trusted {
        trusted.folder = real(&trusted.folder)?;
    }
    recipe.mixed = recipe.mixed.iter().map(|folder| real(folder)).collect::<Result<_, NotThere>>()?;
    Ok(recipe)
}

/// The folder of the corpus, which may be new.
fn corpus_root(path: &Path, session: &Session<'_>) -> Result<PathBuf, Failure> {
    if path.exists() {
        return session.output(path);
    }
    refuse_waiting(path, session.waiting)?;
    let new = std::path::absolute(path);
    Ok(new.map_err(|source| ImportError::Unreadable { path: path.to_owned(), source })?)
}

/// Nobody is imported twice: sets that are there stay as they are.
fn refuse_known(recipe: &Recipe, corpus: &CorpusManifest) -> Result<(), ImportError> {
    for trusted in &recipe.trusted {
        let known = corpus.facesets.iter().find(|set| set.label.as_ref() == Some(&trusted.label));
        if let Some(set) = known {
            return Err(ImportError::Known { label: trusted.label.clone(), name: set.name.clone() });
        }
    }
    Ok(())
}
