//! What a run would do, found out without writing anything and without a worker.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    path::Path,
};

use facesets_base::{library::Library, location::Location, monitor::Monitor};
use facesets_core::Sha256Digest;
use facesets_library::{
    source::disk::Unreadable,
    store::{Absence, LocationRecord, Outcome, Store},
};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{
    EmbedError, Found, KnownFailures, Losses, Sources, Summary,
    gone::{Scanned, judge},
    known::Compared,
    summary::UNREADABLE,
};

/// What a run would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DryRun {
    /// What the scan found.
    #[serde(flatten)]
    pub found: Found,
    /// Files and folders that cannot be looked at; each was named.
    pub unreadable: u64,
    /// Files that are new or have changed, and would be read. Which of them hold contents that are known
    /// already (moved files, copies) only reading tells.
    pub to_read: u64,
    /// Their size in bytes.
    pub to_read_bytes: u64,
    /// Files that are no longer there, and were the last time.
    pub vanished: u64,
    /// Files that were deleted or moved: their places would count no more.
    pub gone: u64,
    /// Files that cannot be reached: they would count as before.
    pub away: u64,
    /// Failures that earlier runs have named, of files and folders that cannot be read.
    pub known_failures: u64,
    /// Distinct contents among the files that need not be read.
    pub contents: u64,
    /// What would be sent of those, by contract. Which contract it will be, the worker decides; under one
    /// that is not here, all.
    pub contracts: Vec<Pending>,
}

/// What is missing under a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// The contract.
    pub contract: String,
    /// Contents that are analysed.
    pub analysed: u64,
    /// Contents that failed and would not be sent.
    pub failed: u64,
    /// Contents that would be sent.
    pub to_send: u64,
}

/// Finds out what [`super::run`] would do. Needs no library.
pub fn dry_run(
    sources: &Sources,
    known_failures: KnownFailures,
    losses: Losses,
    library: &Library,
    monitor: &dyn Monitor,
) -> Result<DryRun, EmbedError> {
    let mut summary = Summary::default();
    let store = if library.store_file().exists() { Some(Store::open_read(library)?) } else { None };
    let (scan, _) = sources.scan(store.as_ref(), monitor, &CancellationToken::new(), &mut summary)?;
    let compared = match &store {
        Some(store) => sources.compare(store, &scan.files)?,
        None => Compared { changed: scan.files.clone(), ..Compared::default() },
    };
    sources.warn_of_unused_patterns(monitor);
    summary.found.left_out = compared.left_out.len() as u64;
    let named = match &store {
        Some(store) => store.unreadable()?,
        None => BTreeMap::new(),
    };
    let is_known = |unreadable: &&Unreadable| named.get(&unreadable.path) == Some(&unreadable.reason);
    let (known, unreadable): (Vec<&Unreadable>, Vec<_>) = scan.unreadable.iter().partition(is_known);
    for Unreadable { path, reason } in &unreadable {
        summary.fail(&[Location::file(path)], UNREADABLE, reason, monitor);
    }
    let contents: HashSet<Sha256Digest> = compared.unchanged.iter().map(|location| location.sha256).collect();
    let is_found = |location: &LocationRecord| contents.contains(&location.sha256);
    // What has moved is only known once it is read.
    let has_arrived = |_: &LocationRecord| false;
    let scanned = Scanned {
        had: &compared.had,
        come: compared.new.len(),
        is_found: &is_found,
        has_arrived: &has_arrived,
    };
    let judged = judge(compared.missing, &scanned, losses);
    let is_empty = |root: &Path| !scan.files.iter().any(|file| file.path.starts_with(root));
    judged.tell(&compared.had, &is_empty, monitor);
    let mut contracts = Vec::new();
    if let Some(store) = store {
        for contract in store.contracts()? {
            contracts.push(pending(&store, contract, &contents, known_failures)?);
        }
    }
    Ok(DryRun {
        found: summary.found,
        unreadable: unreadable.len() as u64,
        known_failures: known.len() as u64,
        to_read: compared.changed.len() as u64,
        to_read_bytes: compared.changed.iter().map(|file| file.sighting.size).sum(),
        vanished: judged.newly(),
        gone: judged.count(Absence::Gone),
        away: judged.count(Absence::Away),
        contents: contents.len() as u64,
        contracts,
    })
}

fn pending(
    store: &Store,
    contract: String,
    contents: &HashSet<Sha256Digest>,
    known_failures: KnownFailures,
) -> Result<Pending, EmbedError> {
    let (mut analysed, mut failed) = (0, 0);
    let outcomes = store.outcomes(&contract)?;
    for outcome in contents.iter().filter_map(|content| outcomes.get(content)) {
        match outcome {
            Outcome::Done { .. } => analysed += 1,
            Outcome::Failed(_) if known_failures == KnownFailures::Count => failed += 1,
            Outcome::Failed(_) => {}
        }
    }
    Ok(Pending { contract, analysed, failed, to_send: contents.len() as u64 - analysed - failed })
}

impl fmt::Display for DryRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Which places would be taken again is not found out.
        f.write_str(&self.found.in_lines(0))?;
        writeln!(f, "to read    {} ({} bytes)", self.to_read, self.to_read_bytes)?;
        writeln!(f, "gone       {}", self.gone)?;
        writeln!(f, "away       {}", self.away)?;
        writeln!(f, "contents   {} in the files that need not be read", self.contents)?;
        for pending in &self.contracts {
            let Pending { contract, analysed, failed, to_send } = pending;
            writeln!(f, "\ncontract   {contract}")?;
            writeln!(f, "to send    {to_send} ({analysed} are analysed, {failed} had failed before)")?;
        }
        writeln!(
            f,
            "\nNothing was written and no worker was asked. Whatever is new among the files to read is sent too, \
             and all contents if the worker has other models than these."
        )
    }
}
