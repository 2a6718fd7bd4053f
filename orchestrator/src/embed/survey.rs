//! What lies under the sources, and what its digests are.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tokio_util::sync::CancellationToken;

use super::{
    EmbedError, Summary,
    known::{Compared, compare},
    summary::UNREADABLE,
};
use crate::{
    monitor::Monitor,
    source::{
        disk::{FoundFile, Scan, ScanOptions, absolute_roots, scan},
        hash::{Hashed, hash_all, read_cameras},
        load::Photos,
    },
    store::{Committer, Location, Record, StoreError},
};

/// Where to look, and how.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Canonical paths of files and folders.
    roots: Vec<PathBuf>,
    options: ScanOptions,
}

impl Sources {
    /// Checks that the roots are there.
    pub fn new(roots: &[PathBuf], options: ScanOptions) -> Result<Self, EmbedError> {
        Ok(Self { roots: absolute_roots(roots)?, options })
    }

    pub(super) fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// Looks at everything under the sources, and counts it.
    pub(super) fn scan(
        &self,
        monitor: &dyn Monitor,
        cancelled: &CancellationToken,
        summary: &mut Summary,
    ) -> Scan {
        monitor.start("scan", None);
        let scan = scan(&self.roots, &self.options, monitor, cancelled);
        monitor.finish();
        summary.surveyed = true;
        summary.files = scan.files.len() as u64;
        summary.other_files = scan.other;
        summary.symlinks = scan.symlinks;
        summary.hidden = scan.hidden;
        summary.excluded = scan.excluded;
        summary.outputs = scan.outputs.len() as u64;
        if !scan.outputs.is_empty() {
            let names: Vec<String> =
                scan.outputs.iter().map(|folder| format!("`{}`", folder.display())).collect();
            monitor.note(&format!("left out because `facesets` wrote it: {}", names.join(", ")));
        }
        for unreadable in &scan.unreadable {
            summary.fail(&[&unreadable.path], UNREADABLE, &unreadable.reason, monitor);
        }
        scan
    }
}

/// Scans the sources, hashes what is new or changed, marks what has vanished, and commits all that.
pub(super) fn survey(
    sources: &Sources,
    committer: &mut Committer,
    monitor: &dyn Monitor,
    cancelled: &CancellationToken,
    summary: &mut Summary,
) -> Result<Photos, EmbedError> {
    let scan = sources.scan(monitor, cancelled, summary);
    let mut photos = Photos::default();
    if cancelled.is_cancelled() {
        return Ok(photos);
    }
    let Compared { unchanged, changed, missing } =
        compare(committer.writer().store(), sources.roots(), &scan.files)?;
    let missing: Vec<PathBuf> = missing.into_iter().filter(|path| is_gone(path)).collect();
    warn_of_empty(sources.roots(), &scan.files, &missing, monitor);
    drop(scan);
    for path in missing {
        committer.add(Record::Vanished { path })?;
        summary.vanished += 1;
    }
    read_missing_cameras(&unchanged, committer, monitor, cancelled)?;
    for mut location in unchanged {
        photos.add(location.sha256, location.sighting.size, location.path.clone());
        if location.vanished {
            location.vanished = false;
            let bytes = location.sighting.size;
            committer.add(Record::Located { location, bytes })?;
        }
    }
    if !changed.is_empty() {
        monitor.start("hash", Some(changed.len() as u64));
        let hashed = hash_all(changed, cancelled, |file, hashed| {
            monitor.advance(1);
            take(file, hashed, &mut photos, committer, monitor, summary)
        });
        monitor.finish();
        hashed?;
    }
    committer.flush()?;
    photos.sort_paths();
    summary.contents = photos.len() as u64;
    summary.aliases = photos.files() - summary.contents;
    Ok(photos)
}

/// Names the roots below which photos were known and none is left: a disk that is not mounted looks like that.
fn warn_of_empty(roots: &[PathBuf], found: &[FoundFile], gone: &[PathBuf], monitor: &dyn Monitor) {
    for root in roots {
        let gone = gone.iter().filter(|path| path.starts_with(root)).count();
        if gone > 0 && !found.iter().any(|file| file.path.starts_with(root)) {
            let reason =
                format!("all {gone} photos that were known here have vanished: is the disk mounted?");
            monitor.problem(&root.display().to_string(), &reason);
        }
    }
}

/// Reads what the cameras say in contents of which nobody has done that, without hashing them again: in libraries that are older
/// than this, and after a run that ended in between. What cannot be read now is left to the next run.
fn read_missing_cameras(
    unchanged: &[Location],
    committer: &mut Committer,
    monitor: &dyn Monitor,
    cancelled: &CancellationToken,
) -> Result<(), StoreError> {
    let mut unread = committer.writer().store().contents_without_camera()?;
    let files: Vec<_> = unchanged
        .iter()
        .filter(|location| unread.remove(&location.sha256))
        .map(|location| (location.sha256, location.path.clone()))
        .collect();
    if files.is_empty() {
        return Ok(());
    }
    monitor.start("read dates", Some(files.len() as u64));
    let read = read_cameras(files, cancelled, |sha256, tags| {
        monitor.advance(1);
        match tags {
            Ok(tags) => committer.add(Record::Camera { sha256, tags }),
            Err(error) => {
                tracing::warn!(%sha256, %error, "capture date not read");
                Ok(())
            }
        }
    });
    monitor.finish();
    read
}

fn take(
    file: FoundFile,
    hashed: io::Result<Hashed>,
    photos: &mut Photos,
    committer: &mut Committer,
    monitor: &dyn Monitor,
    summary: &mut Summary,
) -> Result<(), StoreError> {
    let Hashed { sha256, bytes, camera } = match hashed {
        Ok(hashed) => hashed,
        Err(error) => {
            summary.fail(&[&file.path], UNREADABLE, &error.to_string(), monitor);
            return Ok(());
        }
    };
    summary.hashed += 1;
    if photos.add(sha256, bytes, file.path.clone()) && !committer.writer().store().knows_content(&sha256)? {
        summary.new += 1;
    }
    let location = Location { path: file.path, sha256, sighting: file.sighting, vanished: false };
    committer.add(Record::Located { location, bytes })?;
    camera.map_or(Ok(()), |tags| committer.add(Record::Camera { sha256, tags }))
}

/// Whether a file is really no longer there. One that was only left out, or cannot be reached now, is not gone.
pub(super) fn is_gone(path: &Path) -> bool {
    let gone = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
    fs::symlink_metadata(path).is_err_and(|error| gone.contains(&error.kind()))
}
