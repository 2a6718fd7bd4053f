//! What lies under the sources, and what its digests are.

use std::{
    collections::{HashMap, HashSet},
    io,
    path::{Path, PathBuf},
};

use facesets_base::{location::Location, monitor::Monitor};
use facesets_core::Sha256Digest;
use facesets_imaging::CameraReading;
use facesets_library::{
    originals::for_workers::Photos,
    source::{
        disk::{
            FoundFile, Holds, LookedAt, Scan, ScanOptions, Unreadable, absolute_roots, is_named_as_a_photo,
            scan, scan_for_one,
        },
        hash::{Hashed, hash_all, read_cameras},
    },
    store::{Absence, Committer, LeftOut, LocationRecord, Record, Store, StoreError},
};
use tokio_util::sync::CancellationToken;

use super::{
    EmbedError, Losses, Summary,
    gone::{Judged, Scanned, judge},
    known::{Compared, compare},
    summary::UNREADABLE,
    unreadable::KnownUnreadable,
};

/// Where to look, and how.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Canonical paths of files and folders.
    roots: Vec<PathBuf>,
    options: ScanOptions,
    rereading: Rereading,
}

/// Which photos that are known are read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rereading {
    /// Those that look different from outside.
    Changed,
    /// All of them.
    Everything,
}

impl Sources {
    /// Checks that the roots are there.
    pub fn new(roots: &[PathBuf], options: ScanOptions) -> Result<Self, EmbedError> {
        Ok(Self { roots: absolute_roots(roots)?, options, rereading: Rereading::Changed })
    }

    /// The same, with another choice of what is read again.
    #[must_use]
    pub fn rereading(self, rereading: Rereading) -> Self {
        Self { rereading, ..self }
    }

    pub(super) fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// Looks at everything under the sources, and counts it. Also returns the files that were opened because
    /// their names say nothing, and are no photos.
    pub(super) fn scan(
        &self,
        store: Option<&Store>,
        monitor: &dyn Monitor,
        cancelled: &CancellationToken,
        summary: &mut Summary,
    ) -> Result<(Scan, Vec<FoundFile>), StoreError> {
        monitor.start("scan", None);
        let mut scan = scan(&self.roots, &self.options, monitor, cancelled);
        let known = match store {
            Some(store) if !scan.unnamed.is_empty() => self.looked_at(store)?,
            _ => LookedAt::new(),
        };
        let no_photos = scan.sort_out_unnamed(&known, cancelled);
        monitor.finish();
        summary.count_scan(&scan, monitor);
        Ok((scan, no_photos))
    }

    /// What earlier scans found in files whose names say nothing.
    fn looked_at(&self, store: &Store) -> Result<LookedAt, StoreError> {
        let mut known = LookedAt::new();
        for root in &self.roots {
            store.each_location_below(root, |location| {
                if !is_named_as_a_photo(location.at.path()) {
                    known.insert(location.at.path().to_owned(), (location.sighting, Holds::Photo));
                }
            })?;
            let none = store.no_photos_below(root)?;
            known.extend(none.into_iter().map(|(path, sighting)| (path, (sighting, Holds::Other))));
        }
        Ok(known)
    }

    /// What the store knows of what was found.
    pub(super) fn compare(&self, store: &Store, files: &[FoundFile]) -> Result<Compared, StoreError> {
        let leaves_out = |path: &Path| self.options.leaves_out(&self.roots, path);
        let compared = compare(store, &self.roots, files, &leaves_out)?;
        Ok(match self.rereading {
            Rereading::Changed => compared,
            Rereading::Everything => {
                Compared { unchanged: Vec::new(), to_note: Vec::new(), changed: files.to_vec(), ..compared }
            }
        })
    }

    /// Names the patterns that match nothing: what somebody excludes must not get into a library because of a
    /// slip of the pen.
    pub(super) fn warn_of_unused_patterns(&self, monitor: &dyn Monitor) {
        for (flag, pattern) in self.options.filter.unused() {
            let reason = "matches nothing: a pattern with a `/` is matched against the path below SRC, one without against every name on it";
            monitor.problem(&format!("{flag} {pattern}"), reason);
        }
    }
}

/// Looks whether there is any photo under the sources; if there is none, counts what there is instead and
/// says so.
pub fn no_photo_at_all(sources: &Sources, monitor: &dyn Monitor) -> Option<(Summary, EmbedError)> {
    monitor.start("scan", None);
    let scan = scan_for_one(&sources.roots, &sources.options, monitor, &CancellationToken::new());
    monitor.finish();
    if !scan.files.is_empty() {
        return None;
    }
    let mut summary = Summary { ended: super::Ended::Done, ..Summary::default() };
    summary.count_scan(&scan, monitor);
    for Unreadable { path, reason } in &scan.unreadable {
        summary.fail(&[Location::file(path)], UNREADABLE, reason, monitor);
    }
    sources.warn_of_unused_patterns(monitor);
    Some((summary, EmbedError::NoPhoto(sources.roots.clone())))
}

/// Scans the sources, hashes what is new or changed, marks what has vanished or is left out, and commits all
/// that.
pub(super) fn survey(
    sources: &Sources,
    losses: Losses,
    committer: &mut Committer,
    monitor: &dyn Monitor,
    cancelled: &CancellationToken,
    summary: &mut Summary,
) -> Result<Photos, EmbedError> {
    let (scan, no_photos) = sources.scan(Some(committer.writer().store()), monitor, cancelled, summary)?;
    let mut photos = Photos::default();
    if cancelled.is_cancelled() {
        return Ok(photos);
    }
    let mut unreadable = KnownUnreadable::new(sources.roots(), committer.writer().store())?;
    for Unreadable { path, reason } in &scan.unreadable {
        unreadable.meet(path, reason, committer, monitor, summary)?;
    }
    let Compared { unchanged, to_note, changed, missing, left_out, new, had, .. } =
        sources.compare(committer.writer().store(), &scan.files)?;
    sources.warn_of_unused_patterns(monitor);
    note_left_out(left_out, &scan.files, committer, summary)?;
    let mut empty: Vec<&Path> = sources.roots().iter().map(PathBuf::as_path).collect();
    empty.retain(|root| !scan.files.iter().any(|file| file.path.starts_with(root)));
    drop(scan);
    for FoundFile { path, sighting } in no_photos {
        committer.add(Record::NoPhoto { path, sighting })?;
    }
    for location in to_note {
        let bytes = location.sighting.size;
        committer.add(Record::Located { location, bytes })?;
    }
    read_missing_cameras(&unchanged, committer, monitor, cancelled, summary)?;
    for LocationRecord { at, sha256, sighting, .. } in unchanged {
        photos.add(sha256, sighting.size, at, sighting);
    }
    let mut arrived: HashSet<Sha256Digest> = HashSet::new();
    if !changed.is_empty() {
        monitor.start("hash", Some(changed.len() as u64));
        let hashed = hash_all(changed, cancelled, |file, hashed| {
            monitor.advance(1);
            if new.contains(&file.path) {
                arrived.extend(hashed.iter().map(|hashed| hashed.sha256));
            }
            take(file, hashed, &mut photos, &mut unreadable, committer, monitor, summary)
        });
        monitor.finish();
        hashed?;
    }
    if !cancelled.is_cancelled() {
        unreadable.forget_others(committer)?;
        // Last, when it is known which contents have only moved.
        let scanned = Scanned {
            had: &had,
            come: summary.new as usize,
            is_found: &|location| photos.get(&location.sha256).is_some(),
            has_arrived: &|location| arrived.contains(&location.sha256),
        };
        let judged = judge(missing, &scanned, losses);
        judged.tell(&had, &|root| empty.contains(&root), monitor);
        warn_of_empty(sources.roots(), &empty, &judged, monitor);
        note_absent(judged, committer, summary)?;
    }
    committer.flush()?;
    photos.sort_locations();
    summary.contents = photos.len() as u64;
    summary.aliases = photos.files() - summary.contents;
    Ok(photos)
}

/// Notes which known places this scan leaves out, and which it has taken again.
fn note_left_out(
    left_out: Vec<(PathBuf, LeftOut)>,
    found: &[FoundFile],
    committer: &mut Committer,
    summary: &mut Summary,
) -> Result<(), StoreError> {
    let noted: HashMap<PathBuf, LeftOut> = committer.writer().store().left_out()?;
    summary.found.left_out = left_out.len() as u64;
    for (path, reason) in left_out {
        if noted.get(&path) != Some(&reason) {
            committer.add(Record::LeftOut { path, reason })?;
        }
    }
    if noted.is_empty() {
        return Ok(());
    }
    for file in found.iter().filter(|file| noted.contains_key(&file.path)) {
        committer.add(Record::TakenAgain { path: file.path.clone() })?;
        summary.taken_again += 1;
    }
    Ok(())
}

/// Names the roots below which there is no photo and, as far as is known, was none.
fn warn_of_empty(roots: &[PathBuf], empty: &[&Path], judged: &Judged, monitor: &dyn Monitor) {
    // Where there is one root and something was found, that lies where links lead.
    let is_told = roots.len() > 1 || empty.len() == roots.len();
    for root in empty.iter().filter(|root| is_told && !judged.knows_any_below(root)) {
        monitor.problem(&root.display().to_string(), "no photo was found here");
    }
}

/// Counts and writes down what is not there.
fn note_absent(judged: Judged, committer: &mut Committer, summary: &mut Summary) -> Result<(), StoreError> {
    summary.vanished = judged.newly();
    summary.gone = judged.count(Absence::Gone);
    summary.away = judged.count(Absence::Away);
    for (location, absence) in judged.absent {
        // What was away and is so still needs no word.
        if absence == Absence::Gone || !location.vanished {
            committer.add(Record::Absent { path: location.at.path().to_owned(), absence })?;
        }
    }
    Ok(())
}

/// Reads what the cameras say in contents of which nobody has done that, without hashing them again: in
/// libraries that are older than this, and after a run that ended in between. What cannot be read now is left
/// to the next run.
fn read_missing_cameras(
    unchanged: &[LocationRecord],
    committer: &mut Committer,
    monitor: &dyn Monitor,
    cancelled: &CancellationToken,
    summary: &mut Summary,
) -> Result<(), StoreError> {
    let mut unread = committer.writer().store().contents_without_camera()?;
    let files: Vec<_> = unchanged
        .iter()
        .filter(|location| unread.remove(&location.sha256))
        .map(|location| (location.sha256, location.at.path().to_owned()))
        .collect();
    if files.is_empty() {
        return Ok(());
    }
    monitor.start("read dates", Some(files.len() as u64));
    let read = read_cameras(files, cancelled, |sha256, path, reading| {
        monitor.advance(1);
        match reading {
            Ok(CameraReading { tags, not_understood }) => {
                summary.tell_camera(path, not_understood.as_ref(), monitor);
                committer.add(Record::Camera { sha256, tags })
            }
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
    unreadable: &mut KnownUnreadable<'_>,
    committer: &mut Committer,
    monitor: &dyn Monitor,
    summary: &mut Summary,
) -> Result<(), StoreError> {
    let Hashed { sha256, bytes, sighting, camera } = match hashed {
        Ok(hashed) => hashed,
        Err(error) => {
            return unreadable.meet(&file.path, &error.to_string(), committer, monitor, summary);
        }
    };
    summary.hashed += 1;
    if photos.add(sha256, bytes, Location::file(&file.path), sighting) {
        let not_understood = camera.as_ref().and_then(|reading| reading.not_understood.as_ref());
        summary.tell_camera(&file.path, not_understood, monitor);
        if !committer.writer().store().knows_content(&sha256)? {
            summary.new += 1;
        }
    }
    let location = LocationRecord { at: Location::file(file.path), sha256, sighting, vanished: false };
    committer.add(Record::Located { location, bytes })?;
    camera.map_or(Ok(()), |reading| committer.add(Record::Camera { sha256, tags: reading.tags }))
}
