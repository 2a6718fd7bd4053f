//! What becomes of a plan: carried out, written into a file, or only told.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use facesets_base::{
    exit::{Exit, Failure, Hint},
    output::{Existing, FileKind, OutputFile},
};
use facesets_corpus::{
    certificate::Ask,
    plan::{Applied, Bundled, Plan, Workshop, apply, refuse_drifted, withheld},
};
use facesets_library::store::Writer;
use facesets_people::{
    consent::{Demand, Withheld},
    view::View,
};
use serde::Serialize;

use super::{
    Session,
    drop_report::DropReport,
    examining::{CertifyOptions, Looker, write_certified, write_withheld},
    output::write_error,
    shortage::{Flags, Shortage},
};

/// Whether to do what was planned.
#[derive(Debug, Clone, Default)]
pub(crate) struct PlanOptions {
    /// Only say what would be done.
    pub dry_run: bool,
    /// Write what would be done to this file instead.
    pub plan: Option<PathBuf>,
    /// Replace an earlier plan there.
    pub replace_plan: bool,
}

/// Whether to do what was planned, where bundles are made.
#[derive(Debug, Clone)]
pub(crate) struct BundlePlanOptions {
    /// Whether to do it.
    pub plan: PlanOptions,
    /// Who looks at the crops.
    pub certify: CertifyOptions,
    /// What is demanded of the consent of sets.
    pub demand: Demand,
}

/// What a plan is carried out with.
pub(crate) struct Means<'a> {
    pub(crate) view: &'a View,
    pub(crate) journal: &'a mut Writer,
    pub(crate) session: &'a Session<'a>,
}

/// What became of a plan.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Planned {
    applied: Option<Applied>,
    plan: Option<PathBuf>,
    /// Sets that would be left out because of what is said of consent, where nothing is applied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    withheld: Vec<Withheld>,
}

/// A path that is not there.
#[derive(Debug, thiserror::Error)]
#[error("cannot find `{path}`: {source}")]
pub(crate) struct NotThere {
    path: PathBuf,
    source: io::Error,
}

impl Hint for NotThere {}

/// A file that is no plan.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` is not a plan: {reason}")]
pub(crate) struct NotAPlan {
    path: PathBuf,
    reason: String,
}

impl Hint for NotAPlan {
    fn hint(&self) -> Option<String> {
        Some("name a file that `--plan FILE` wrote".to_owned())
    }
}

/// The one path of something that exists, however it is named.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, NotThere> {
    fs::canonicalize(path).map_err(|source| NotThere { path: path.to_owned(), source })
}

impl PlanOptions {
    /// Applies a plan in which no bundle is made, or writes it, or leaves it at that.
    pub(crate) fn carry_out(&self, plan: &Plan, means: Means<'_>) -> Result<Planned, Failure> {
        match self.rehearse(plan)? {
            Some(planned) => Ok(planned),
            None => carry_out(plan, None, means),
        }
    }

    /// Writes a plan or leaves it at that, if that is what the user wants.
    fn rehearse(&self, plan: &Plan) -> Result<Option<Planned>, Failure> {
        if let Some(file) = &self.plan {
            let existing = if self.replace_plan { Existing::MoveAside } else { Existing::Refuse };
            let mut output = OutputFile::create(file, FileKind::Plan, existing, None)?;
            let text = serde_json::to_vec_pretty(plan).map_err(io::Error::from);
            text.and_then(|text| output.write_all(&text)).map_err(write_error(file))?;
            output.finish()?;
            return Ok(Some(Planned { plan: Some(file.clone()), ..Planned::default() }));
        }
        Ok(self.dry_run.then(Planned::default))
    }
}

impl BundlePlanOptions {
    /// Applies a plan with what is demanded of its sets, or writes it, or leaves it at that; only in the
    /// first case a worker is asked.
    pub(crate) fn carry_out(&self, mut plan: Plan, means: Means<'_>) -> Result<Planned, Failure> {
        plan.demand = self.demand;
        let plan = &plan;
        let Some(mut planned) = self.plan.rehearse(plan)? else {
            return carry_out(plan, Some(&self.certify), means);
        };
        planned.withheld = withheld(plan, means.view)?;
        Ok(planned)
    }
}

/// Applies a plan; one that changes nothing is no decision. Crops of new bundles are looked at before
/// anything is swapped.
pub(crate) fn carry_out(
    plan: &Plan,
    certify: Option<&CertifyOptions>,
    means: Means<'_>,
) -> Result<Planned, Failure> {
    let Means { view, journal, session } = means;
    if plan.targets.is_empty() {
        return Ok(Planned { applied: Some(Applied::default()), ..Planned::default() });
    }
    // No worker is started for what is refused anyway.
    refuse_drifted(plan, &view.gallery)?;
    let examiner = match certify {
        Some(certify) if plan.makes_bundles() => {
            // No format that tells gender and age is written here.
            certify.examiner(&plan.contract, Ask::Faces, session)?
        }
        _ => Looker::nobody(),
    };
    let workshop = Workshop {
        view,
        certify: examiner.certify(),
        steps: session.steps,
        monitor: session.monitor,
        stop: session.stop,
    };
    let applied = apply(plan, &workshop, journal)?;
    Ok(Planned { applied: Some(applied), ..Planned::default() })
}

/// Reads a plan back.
pub(crate) fn read(path: &Path) -> Result<Plan, NotAPlan> {
    let not = |reason: String| NotAPlan { path: path.to_owned(), reason };
    let bytes = fs::read(path).map_err(|error| not(error.to_string()))?;
    Plan::parse(&bytes).map_err(not)
}

impl Planned {
    /// What the sets with bundles came to; `None` where nothing was applied.
    pub(crate) fn bundled(&self) -> Option<&Bundled> {
        self.applied.as_ref()?.bundled.as_ref()
    }

    /// Crops of each set that was written, by its name; `None` where nothing was applied.
    pub(crate) fn crops(&self) -> Option<&BTreeMap<String, usize>> {
        self.bundled().map(|bundled| &bundled.crops)
    }

    /// Why there is no set, where some were to be made and nothing is left of any.
    pub(crate) fn shortage(&self, flags: Flags) -> Option<Shortage> {
        let bundled = self.bundled()?;
        let is_empty = bundled.crops.is_empty() && bundled.withheld.is_empty() && !bundled.gaps.is_empty();
        is_empty.then(|| Shortage::new(&bundled.left_out, &[], flags))
    }

    /// Eras that turned out to have too few crops.
    pub(crate) fn thinned(&self) -> &[String] {
        self.bundled().map_or(&[], |bundled| &bundled.thinned)
    }

    /// How the command ends.
    pub(crate) fn exit(&self) -> Exit {
        match &self.applied {
            Some(applied) if applied.failed + applied.vanished > 0 => Exit::SomeFailed,
            _ => Exit::Done,
        }
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_withheld(f, &self.withheld)?;
        match (&self.applied, &self.plan) {
            (Some(applied), _) => {
                let Applied { decision, built, removed, failed, vanished, bundled } = applied;
                if let Some(bundled) = bundled {
                    let Bundled {
                        certified,
                        lowest_effective_identity_cosine,
                        crops: _,
                        left_out,
                        gaps,
                        withheld,
                        thinned,
                    } = bundled;
                    fmt::Display::fmt(&DropReport::of_crops(left_out.clone()), f)?;
                    for gap in gaps {
                        writeln!(f, "nothing is left of {gap}")?;
                    }
                    write_withheld(f, withheld)?;
                    for era in thinned {
                        writeln!(f, "too few crops are left of {era}: it lies in `_thin`")?;
                    }
                    write_certified(f, *certified, *lowest_effective_identity_cosine)?;
                }
                if *failed > 0 {
                    writeln!(f, "{failed} photos could not be read (listed above)")?;
                }
                if *vanished > 0 {
                    writeln!(f, "{vanished} photos of the library lie nowhere any more")?;
                }
                if *decision == 0 {
                    return write!(f, "nothing has changed");
                }
                write!(
                    f,
                    "decision {decision}: {built} sets written, {removed} emptied; `facesets undo` takes it back"
                )
            }
            (None, Some(file)) => write!(
                f,
                "nothing was changed; the plan is in `{0}`: `facesets apply {0}` carries it out",
                file.display()
            ),
            (None, None) => write!(f, "nothing was changed"),
        }
    }
}
