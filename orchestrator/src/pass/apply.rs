//! Carries out what another pass planned.

use std::path::PathBuf;

use facesets_base::{exit::Failure, monitor::Silent};
use facesets_library::store::Writer;
use serde::Serialize;

use crate::pass::{
    Session,
    clustering::load_view,
    examining::CertifyOptions,
    planning::{self, Means, Planned},
};

/// What is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// File that another command wrote.
    pub(crate) plan: PathBuf,
    /// Who looks at crops.
    pub(crate) certify: CertifyOptions,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) command: String,
    #[serde(flatten)]
    pub(crate) planned: Planned,
}

/// Runs the pass.
pub(crate) fn run(options: &Options, session: &Session<'_>) -> Result<Report, Failure> {
    let plan = planning::read(&options.plan)?;
    let mut journal = Writer::open_existing(session.library)?;
    let gallery = journal.store().gallery(Some(&plan.contract))?;
    // Whoever made the plan has said which pins fit no face.
    let view = load_view(journal.store(), gallery, &Silent)?;
    let means = Means { view: &view, journal: &mut journal, session };
    let planned = planning::carry_out(&plan, Some(&options.certify), means)?;
    Ok(Report { command: plan.command, planned })
}
