//! `facesets store verify`.

use std::fmt;

use facesets_base::{
    exit::{Exit, Failure},
    file,
    monitor::Monitor,
};
use facesets_library::store::{Finding, LocationRecord, Store};
use rayon::prelude::*;
use serde::Serialize;

use super::Context;

/// Flags of `store verify`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Read every photo again and compare its sha256
    #[arg(long)]
    files: bool,
}

#[derive(Debug, Serialize)]
struct Summary {
    faces: u64,
    files: Option<usize>,
    findings: Vec<Finding>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let store = Store::open_read(&context.library)?;
    let monitor = context.monitor();
    let faces = store.face_count()?;
    monitor.start("verify", Some(faces));
    let mut findings = store.verify(&|steps| monitor.advance(steps))?;
    monitor.finish();
    let mut files = None;
    if args.files {
        let locations = store.present_locations()?;
        files = Some(locations.len());
        findings.extend(changed_files(&locations, monitor));
    }
    let exit = if findings.is_empty() { Exit::Done } else { Exit::SomeFailed };
    context.ui.summary(&Summary { faces, files, findings })?;
    Ok(exit)
}

/// Files that are gone or hold something else, in the order of `locations`.
fn changed_files(locations: &[LocationRecord], monitor: &dyn Monitor) -> Vec<Finding> {
    monitor.start("verify files", Some(locations.len() as u64));
    let check = |location: &LocationRecord| {
        let read = file::digest(location.at.path());
        monitor.advance(1);
        let problem = match read {
            Ok((sha256, _)) if sha256 == location.sha256 => return None,
            Ok((sha256, _)) => format!("holds {sha256}, not {}", location.sha256),
            Err(error) => format!("cannot be read: {error}"),
        };
        Some(Finding { what: location.at.text(), problem })
    };
    let findings = locations.par_iter().filter_map(check).collect();
    monitor.finish();
    findings
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "faces      {}", self.faces)?;
        if let Some(files) = self.files {
            writeln!(f, "files      {files}")?;
        }
        writeln!(f, "findings   {}", self.findings.len())?;
        self.findings.iter().try_for_each(|finding| writeln!(f, "  {}: {}", finding.what, finding.problem))
    }
}
