//! `facesets import folders RECIPE.toml --corpus DIR`: identities that folders assert.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use facesets_base::{
    exit::{Exit, Failure, Hint},
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

use super::{
    Context,
    changing::refuse_waiting,
    clustering::{CtrlC, Pins},
    contract_args::ContractArgs,
    drop_report::write_lying,
    plan_args::{BundlePlanArgs, Means, NotThere, Planned, absolute},
    shortage::{Flags, Shortage},
};

/// Flags of `import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to import.
    #[command(subcommand)]
    command: ImportCommand,
}

#[derive(Debug, Subcommand)]
enum ImportCommand {
    /// Take the word of folders that were sorted by hand, one person a folder
    Folders(FolderArgs),
}

/// Flags of `import folders`.
#[derive(Debug, clap::Args)]
struct FolderArgs {
    /// TOML file: `trusted` folders (one person each), `mixed` folders, thresholds; paths in it start at its
    /// own folder
    #[arg(value_name = "RECIPE")]
    recipe: PathBuf,
    /// Folder that `facesets export-swap` wrote, or one to be made; new sets are added, the others stay as
    /// they are
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    #[command(flatten)]
    contract: ContractArgs,
    #[command(flatten)]
    plan: BundlePlanArgs,
}

/// What was found, and what became of it.
#[derive(Debug, Serialize)]
struct Summary {
    #[serde(flatten)]
    imported: Imported,
    /// Why there is no set, where nothing is left of any.
    #[serde(skip_serializing_if = "Option::is_none")]
    shortage: Option<Shortage>,
    #[serde(flatten)]
    planned: Planned,
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

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ImportCommand::Folders(args) = &args.command;
    let ctrl_c = CtrlC::listen(context)?;
    let recipe = read_recipe(&args.recipe)?;
    let mut journal = Writer::open_existing(&context.library)?;
    let root = corpus_root(&args.corpus, context)?;
    let corpus: Option<CorpusManifest> =
        root.join(MANIFEST).exists().then(|| manifest::read(&root)).transpose()?;
    if corpus.is_none() {
        // A new corpus goes nowhere where there are other things.
        demand_free(&root, OutputKind::Corpus, KEPT)?;
    }
    let contract =
        corpus.as_ref().map(|corpus| corpus.contract.as_str()).or(args.contract.contract.as_deref());
    let gallery = journal.store().gallery(contract)?;
    if let Some(corpus) = &corpus {
        refuse_known(&recipe, corpus)?;
    }
    let pins = Pins::load(journal.store(), &gallery, context.monitor())?;
    let inherited = corpus.as_ref().map_or_else(ExportParameters::default, |corpus| corpus.parameters);
    let export = ExportParameters {
        top_n: recipe.top_n.unwrap_or(inherited.top_n),
        min_face_short: recipe.min_face_short.unwrap_or(inherited.min_face_short),
        ..inherited
    };
    let taken = highest_number("faceset", corpus.iter().flat_map(CorpusManifest::names));
    let first = taken.max(highest_faceset(journal.store())?).max(highest_in(&root)) + 1;
    let (additions, mut imported) = sorted_identities(&gallery, &recipe, first, &export, &pins.resolved);

    let mut plan = Plan::new(format!("import folders {}", args.recipe.display()), &gallery);
    if !additions.sets.is_empty() {
        let was = manifest_digest(&root)?;
        plan.targets.push(Target { root, was, becomes: Becomes::Corpus(additions) });
    }
    let means = Means { gallery: &gallery, journal: &mut journal, context, stop: &ctrl_c.stop };
    let planned = args.plan.carry_out(plan, means)?;
    let exit = planned.exit();
    if let Some(crops) = planned.crops() {
        imported.settle(crops);
    }
    let shortage = planned.shortage(Flags::Recipe);
    context.ui.summary(&Summary { imported, shortage, planned })?;
    Ok(exit)
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
fn corpus_root(path: &Path, context: &Context) -> Result<PathBuf, Failure> {
    if path.exists() {
        return context.output(path);
    }
    refuse_waiting(path, &context.waiting)?;
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

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Which crops show the same, and which pass, is seen when they are made.
        let about = if self.planned.crops().is_some() { "" } else { "up to " };
        for identity in &self.imported.identities {
            let label = &identity.label;
            match &identity.name {
                Some(name) => writeln!(
                    f,
                    "{name} {label}: {} faces in its folder, {} of others left out, {} from mixed folders, {about}{} crops",
                    identity.faces, identity.outliers, identity.routed, identity.exported
                )?,
                None => writeln!(f, "{label}: its folder has no face")?,
            }
        }
        if let Some(shortage) = &self.shortage {
            write!(f, "{shortage}")?;
        }
        write_lying(f, &self.imported.lying)?;
        self.planned.fmt(f)
    }
}
