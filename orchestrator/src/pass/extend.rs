//! New faces into sets that are there.

use std::path::{Path, PathBuf};

use facesets_base::exit::{Failure, Hint};
use facesets_corpus::{
    extend::{ExtendParameters, Extension, extend_clusters, extend_refined},
    manifest::{self, ClusterManifest, RefinedManifest},
    plan::{Becomes, Plan, Target, manifest_digest},
    sets::highest_faceset,
};
use facesets_library::store::Writer;
use serde::Serialize;

use crate::pass::{
    Session,
    clustering::{ClusteringOptions, Watcher, load_view},
    planning::{Means, PlanOptions, Planned},
};

/// What is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Folder that `cluster` wrote.
    pub(crate) out: PathBuf,
    /// Folder that `refine` wrote, to be extended too.
    pub(crate) refine_out: Option<PathBuf>,
    /// Thresholds.
    pub(crate) parameters: ExtendParameters,
    /// Who clusters.
    pub(crate) clustering: ClusteringOptions,
    /// Whether to do it.
    pub(crate) plan: PlanOptions,
}

/// What became of the outputs.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) clusters: Extension,
    pub(crate) refined: Option<Extension>,
    #[serde(flatten)]
    pub(crate) planned: Planned,
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

/// Runs the pass.
pub(crate) fn run(options: &Options, session: &Session<'_>) -> Result<Report, Failure> {
    let mut journal = Writer::open_existing(session.library)?;
    let out = session.output(&options.out)?;
    let clusters: ClusterManifest = manifest::read(&out)?;
    let refined =
        options.refine_out.as_deref().map(|dir| read_refined(dir, &out, &clusters, session)).transpose()?;

    let gallery = options.clustering.load_from(journal.store(), Some(&clusters.contract), session.monitor)?;
    let watcher = Watcher::new(session.monitor, session.stop);
    let view = load_view(journal.store(), gallery, session.monitor)?;
    let gallery = &view.gallery;
    let grouping = options.clustering.grouping(&watcher, &view.pins);
    let mut plan = Plan::new(format!("extend {}", out.display()), gallery);
    let (becomes, extension) = extend_clusters(gallery, &clusters, &options.parameters, &grouping)?;
    if becomes != clusters {
        plan.targets.push(target(&out, Becomes::Clusters(becomes))?);
    }
    let mut refined_extension = None;
    if let Some((dir, old)) = &refined {
        let highest = highest_faceset(journal.store())?;
        let (becomes, extension) = extend_refined(gallery, old, highest, &options.parameters, &grouping)?;
        if becomes != *old {
            plan.targets.push(target(dir, Becomes::Refined(becomes))?);
        }
        refined_extension = Some(extension);
    }
    session.monitor.finish();

    let means = Means { view: &view, journal: &mut journal, session };
    let planned = options.plan.carry_out(&plan, means)?;
    Ok(Report { clusters: extension, refined: refined_extension, planned })
}

fn read_refined(
    dir: &Path,
    out: &Path,
    clusters: &ClusterManifest,
    session: &Session<'_>,
) -> Result<(PathBuf, RefinedManifest), Failure> {
    let dir = session.output(dir)?;
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
