//! `facesets extend OUT --refine-out DIR`: new faces into sets that are there.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use facesets_base::{
    exit::{Exit, Failure, Hint},
    monitor::Monitor as _,
};
use facesets_corpus::{
    extend::{Extension, extend_clusters, extend_refined},
    manifest::{self, ClusterManifest, RefinedManifest},
    plan::{Becomes, Plan, Target, manifest_digest},
    sets::highest_faceset,
};
use facesets_library::store::Writer;
use serde::Serialize;

use super::{
    Context,
    clustering::{ClusteringArgs, CtrlC, Pins, Watcher},
    plan_args::{Means, PlanArgs, Planned},
};
use crate::command::parameters::ExtendArgs;

/// Flags of `extend`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder that `facesets cluster` wrote
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// Folder that `facesets refine` wrote, to be extended too
    #[arg(long, value_name = "DIR")]
    refine_out: Option<PathBuf>,
    #[command(flatten)]
    parameters: ExtendArgs,
    #[command(flatten)]
    clustering: ClusteringArgs,
    #[command(flatten)]
    plan: PlanArgs,
}

/// What became of the outputs.
#[derive(Debug, Serialize)]
struct Summary {
    clusters: Extension,
    refined: Option<Extension>,
    #[serde(flatten)]
    planned: Planned,
}

/// Two outputs of different contracts.
#[derive(Debug, thiserror::Error)]
#[error("`{refined}` was made under contract `{other}`, `{out}` under `{contract}`")]
struct MixedContracts {
    out: String,
    contract: String,
    refined: String,
    other: String,
}

impl Hint for MixedContracts {
    fn hint(&self) -> Option<String> {
        Some("extend outputs of one contract only, or make one of them again".to_owned())
    }
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ctrl_c = CtrlC::listen(context)?;
    let mut journal = Writer::open_existing(&context.library)?;
    let out = context.output(&args.out)?;
    let clusters: ClusterManifest = manifest::read(&out)?;
    let refined =
        args.refine_out.as_deref().map(|dir| read_refined(dir, (&out, &clusters), context)).transpose()?;

    let gallery = args.clustering.load_from(journal.store(), Some(&clusters.contract), context.monitor())?;
    let watcher = Watcher::new(context.monitor(), &ctrl_c.stop);
    let pins = Pins::load(journal.store(), &gallery, context.monitor())?;
    let grouping = args.clustering.grouping(&watcher, &pins.resolved);
    let mut plan = Plan::new(format!("extend {}", out.display()), &gallery);
    let (becomes, extension) = extend_clusters(&gallery, &clusters, &args.parameters.into(), &grouping)?;
    if becomes != clusters {
        plan.targets.push(target(&out, Becomes::Clusters(becomes))?);
    }
    let mut refined_extension = None;
    if let Some((dir, old)) = &refined {
        let highest = highest_faceset(journal.store())?;
        let (becomes, extension) =
            extend_refined(&gallery, (old, highest), &args.parameters.into(), &grouping)?;
        if becomes != *old {
            plan.targets.push(target(dir, Becomes::Refined(becomes))?);
        }
        refined_extension = Some(extension);
    }
    context.ui.finish();

    let means = Means { gallery: &gallery, journal: &mut journal, context, stop: &ctrl_c.stop };
    let planned = args.plan.carry_out(&plan, means)?;
    let exit = planned.exit();
    context.ui.summary(&Summary { clusters: extension, refined: refined_extension, planned })?;
    Ok(exit)
}

fn read_refined(
    dir: &Path,
    (out, clusters): (&Path, &ClusterManifest),
    context: &Context,
) -> Result<(PathBuf, RefinedManifest), Failure> {
    let dir = context.output(dir)?;
    let refined: RefinedManifest = manifest::read(&dir)?;
    if refined.contract != clusters.contract {
        return Err(MixedContracts {
            out: out.display().to_string(),
            contract: clusters.contract.clone(),
            refined: dir.display().to_string(),
            other: refined.contract,
        }
        .into());
    }
    Ok((dir, refined))
}

fn target(root: &Path, becomes: Becomes) -> Result<Target, Failure> {
    Ok(Target { root: root.to_owned(), was: manifest_digest(root)?, becomes })
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = ["alone in their cluster", "in no faceset"];
        for (extension, left) in [Some(&self.clusters), self.refined.as_ref()].into_iter().zip(left) {
            let Some(extension) = extension else { continue };
            for joined in &extension.joined {
                writeln!(f, "{}: {} more faces", joined.name, joined.faces)?;
            }
            for set in &extension.new_sets {
                writeln!(f, "{}: new, {} new faces", set.name, set.faces)?;
            }
            if extension.pinned > 0 {
                writeln!(
                    f,
                    "{} new faces went where pins say, not where their embeddings do",
                    extension.pinned
                )?;
            }
            if extension.gone > 0 {
                writeln!(f, "{} faces left, as their photos lie nowhere any more", extension.gone)?;
            }
            writeln!(
                f,
                "{} new faces: {} sets extended, {} new; {} faces {left}",
                extension.new_faces,
                extension.joined.len(),
                extension.new_sets.len(),
                extension.left
            )?;
        }
        self.planned.fmt(f)
    }
}
