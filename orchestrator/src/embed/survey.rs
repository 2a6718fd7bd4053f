//! What lies under the sources, and what its digests are.

use std::{collections::HashSet, fs, io, path::Path};

use tokio_util::sync::CancellationToken;

use super::{EmbedError, Summary, summary::UNREADABLE};
use crate::{
    monitor::Monitor,
    source::{
        disk::{FoundFile, Scan, absolute_roots, scan},
        hash::{Hashed, hash_all},
        load::Photos,
    },
    store::{Committer, Location, Record, StoreError},
};

/// Scans the sources, hashes what is new or changed, marks what has vanished, and commits all that.
pub(super) fn survey(
    sources: &[std::path::PathBuf],
    committer: &mut Committer,
    monitor: &dyn Monitor,
    cancelled: &CancellationToken,
    summary: &mut Summary,
) -> Result<Photos, EmbedError> {
    let roots = absolute_roots(sources)?;
    monitor.start("scan", None);
    let scan = scan(&roots, monitor, cancelled);
    monitor.finish();
    summary.surveyed = true;
    summary.files = scan.files.len() as u64;
    summary.other_files = scan.other;
    summary.symlinks = scan.symlinks;
    for unreadable in &scan.unreadable {
        summary.fail(&[&unreadable.path], UNREADABLE, &unreadable.reason, monitor);
    }
    let mut photos = Photos::default();
    if cancelled.is_cancelled() {
        return Ok(photos);
    }
    summary.vanished = mark_vanished(&roots, &scan, committer)?;
    let changed = known(scan.files, &mut photos, committer)?;
    if !changed.is_empty() {
        monitor.start("hash", Some(changed.len() as u64));
        let hashed = hash_all(changed, cancelled, |hashed| {
            monitor.advance(1);
            take(hashed, &mut photos, committer, monitor, summary)
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

/// Adds the files that are as they were, and returns the others.
fn known(
    files: Vec<FoundFile>,
    photos: &mut Photos,
    committer: &mut Committer,
) -> Result<Vec<FoundFile>, StoreError> {
    let mut changed = Vec::new();
    for file in files {
        match committer.writer().store().location(&file.path)? {
            Some(mut location) if location.sighting == file.sighting => {
                if location.vanished {
                    location.vanished = false;
                    committer
                        .add(Record::Located { location: location.clone(), bytes: file.sighting.size })?;
                }
                photos.add(location.sha256, file.sighting.size, file.path);
            }
            _ => changed.push(file),
        }
    }
    Ok(changed)
}

fn take(
    hashed: Hashed,
    photos: &mut Photos,
    committer: &mut Committer,
    monitor: &dyn Monitor,
    summary: &mut Summary,
) -> Result<(), StoreError> {
    let Hashed { file, result } = hashed;
    let (sha256, bytes) = match result {
        Ok(read) => read,
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
    committer.add(Record::Located { location, bytes })
}

/// Marks the known files under the roots that are gone. What only cannot be reached now is not gone.
fn mark_vanished(
    roots: &[std::path::PathBuf],
    scan: &Scan,
    committer: &mut Committer,
) -> Result<u64, StoreError> {
    let found: HashSet<&Path> = scan.files.iter().map(|file| file.path.as_path()).collect();
    let mut vanished = 0;
    for root in roots {
        for location in committer.writer().store().locations_under(root)? {
            if !location.vanished && !found.contains(location.path.as_path()) && is_gone(&location.path) {
                committer.add(Record::Vanished { path: location.path })?;
                vanished += 1;
            }
        }
        // Roots may overlap, and a file vanishes once.
        committer.flush()?;
    }
    Ok(vanished)
}

fn is_gone(path: &Path) -> bool {
    let gone = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
    fs::symlink_metadata(path).is_err_and(|error| gone.contains(&error.kind()))
}
