//! `facesets import folders RECIPE.toml --corpus DIR`: identities that folders assert.

use std::{fmt, path::PathBuf};

use clap::Subcommand;
use facesets_base::exit::{Exit, Failure};

use crate::{
    command::{Context, clustering_args::CtrlC, contract_args::ContractArgs, plan_args::BundlePlanArgs},
    pass::{
        drop_report::write_lying,
        import::{self, Options, Report},
    },
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

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ImportCommand::Folders(args) = &args.command;
    let ctrl_c = CtrlC::listen(context)?;
    let options = Options {
        recipe: args.recipe.clone(),
        corpus: args.corpus.clone(),
        contract: args.contract.contract.clone(),
        plan: args.plan.options(),
    };
    let report = import::run(&options, &context.session(&ctrl_c.stop))?;
    context.ui.summary(&report)?;
    Ok(report.planned.exit())
}

impl fmt::Display for Report {
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
                None => writeln!(
                    f,
                    "{label}: the library knows no face in its folder; has `facesets embed` been over it?"
                )?,
            }
        }
        if let Some(shortage) = &self.shortage {
            write!(f, "{shortage}")?;
        }
        write_lying(f, &self.imported.lying)?;
        self.planned.fmt(f)
    }
}
