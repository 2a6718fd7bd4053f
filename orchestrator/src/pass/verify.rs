//! Manifests against files and the library; what can be derived is made again.

use std::path::PathBuf;

use facesets_base::{exit::Failure, monitor::Silent};
use facesets_corpus::verify::{Depth, Repaired, Verified, contract_of, repair, verify};
use facesets_library::store::{Store, Writer};
use serde::Serialize;

use super::{Session, clustering::load_view};

/// What is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Folder that `cluster`, `refine` or `export-swap` wrote.
    pub(crate) corpus: PathBuf,
    /// Read every photo in it.
    pub(crate) files: bool,
    /// Make again what can be derived.
    pub(crate) repair: bool,
}

/// What was found, and made again.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Report(pub(crate) Verified);

/// Runs the pass.
pub(crate) fn run(options: &Options, session: &Session<'_>) -> Result<Report, Failure> {
    let corpus = session.output(&options.corpus)?;
    // While it repairs, nobody else changes anything.
    let lock = options.repair.then(|| Writer::open_existing(session.library)).transpose()?;
    let mut repaired = Repaired::default();
    if options.repair {
        repaired = repair::manifest_over_all(&corpus, session.monitor)?;
    }
    let contract = contract_of(&corpus)?;
    let store = Store::open_read(session.library)?;
    let view = load_view(&store, store.gallery(Some(&contract))?, &Silent)?;
    if options.repair {
        let files = repair::files(&corpus, &store, &view, session.monitor, session.stop)?;
        repaired.files.extend(files.files);
        repaired.kept.extend(files.kept);
        repaired.left.extend(files.left);
    }
    let Repaired { files, kept, left } = repaired;
    for (file, why) in left {
        session.monitor.problem(&file, &format!("is not repaired: {why}"));
    }
    let depth = if options.files { Depth::Bytes } else { Depth::Names };
    let verified = verify(&corpus, &view, depth, session.monitor, session.stop)?;
    drop(lock);
    Ok(Report(Verified { repaired: files, kept, ..verified }))
}
