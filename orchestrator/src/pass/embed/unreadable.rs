//! Files and folders that cannot be read: named once, and counted as long as they stay so.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use facesets_base::{location::Location, monitor::Monitor};
use facesets_library::store::{Committer, Record, Store, StoreError};

use super::{Summary, summary::UNREADABLE};

/// What could not be read before, at the roots or below: it was named, and need not be named again as long
/// as it stays so.
pub(super) struct KnownUnreadable<'a> {
    roots: &'a [PathBuf],
    known: BTreeMap<PathBuf, String>,
}

impl<'a> KnownUnreadable<'a> {
    pub(super) fn new(roots: &'a [PathBuf], store: &Store) -> Result<Self, StoreError> {
        let mut known = store.unreadable()?;
        known.retain(|path, _| roots.iter().any(|root| path.starts_with(root)));
        Ok(Self { roots, known })
    }

    /// Names what cannot be read, unless it was named for the same reason before. A root was asked for, and
    /// is named every time.
    pub(super) fn meet(
        &mut self,
        path: &Path,
        reason: &str,
        committer: &mut Committer,
        monitor: &dyn Monitor,
        summary: &mut Summary,
    ) -> Result<(), StoreError> {
        let is_known = self.known.remove(path).is_some_and(|known| known == reason);
        if is_known {
            summary.known_failures += 1;
            return Ok(());
        }
        summary.fail(&[Location::file(path)], UNREADABLE, reason, monitor);
        if self.roots.iter().any(|root| root == path) {
            return Ok(());
        }
        committer.add(Record::Unreadable { path: path.to_owned(), reason: Some(reason.to_owned()) })
    }

    /// Whatever was not met any more can be read, or is not there.
    pub(super) fn forget_others(&mut self, committer: &mut Committer) -> Result<(), StoreError> {
        for (path, _) in std::mem::take(&mut self.known) {
            committer.add(Record::Unreadable { path, reason: None })?;
        }
        Ok(())
    }
}
