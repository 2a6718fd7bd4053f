//! Digests of many files at once, and what their cameras say.

use std::{io, num::NonZero, path::Path, thread};

use facesets_base::file;
use facesets_core::Sha256Digest;
use facesets_imaging::CameraReading;
use tokio_util::sync::CancellationToken;

use super::{
    camera::{self, HeadKeeper},
    disk::{FoundFile, sighting},
};
use crate::store::Sighting;

/// More threads than this only wait for the disk.
const MAX_THREADS: usize = 8;

/// Files handed to the threads, and what they read handed back, ahead of time: enough that nobody waits for a
/// turn, and no more.
const QUEUE: usize = 64;

/// What was read of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashed {
    /// Its digest.
    pub sha256: Sha256Digest,
    /// Number of bytes that were read.
    pub bytes: u64,
    /// What the file looked like when it was opened for that.
    pub sighting: Sighting,
    /// What the camera says; nothing if it could not be read a second time.
    pub camera: Option<CameraReading>,
}

/// Reads every file and hands each result to `receive`, in no particular order.
///
/// Ends early when `cancelled`, or when `receive` answers with an error.
pub fn hash_all<E>(
    files: Vec<FoundFile>,
    cancelled: &CancellationToken,
    mut receive: impl FnMut(FoundFile, io::Result<Hashed>) -> Result<(), E>,
) -> Result<(), E> {
    in_parallel(files, |file: &FoundFile| hash(&file.path), cancelled, |(file, hashed)| receive(file, hashed))
}

/// Reads what the cameras say in some files, as [`hash_all`] does.
pub fn read_cameras<E>(
    files: Vec<(Sha256Digest, std::path::PathBuf)>,
    cancelled: &CancellationToken,
    mut receive: impl FnMut(Sha256Digest, &Path, io::Result<CameraReading>) -> Result<(), E>,
) -> Result<(), E> {
    let read = |(_, path): &(Sha256Digest, std::path::PathBuf)| camera::read(path);
    in_parallel(files, read, cancelled, |((sha256, path), reading)| receive(sha256, &path, reading))
}

fn hash(path: &Path) -> io::Result<Hashed> {
    let mut opened = file::open(path)?;
    let mut file = HeadKeeper::new(&mut opened);
    let (sha256, bytes) = Sha256Digest::of_reader(&mut file)?;
    let head = file.into_head();
    opened.check_end()?;
    let sighting = sighting(&opened.metadata).hashed();
    Ok(Hashed { sha256, bytes, sighting, camera: camera::from_head(&head, bytes, path).ok() })
}

/// Does some work on each item, on as many threads as pay, and hands the results to `receive`.
pub(super) fn in_parallel<T: Send, R: Send, E>(
    all: Vec<T>,
    work: impl Fn(&T) -> R + Sync,
    cancelled: &CancellationToken,
    receive: impl FnMut((T, R)) -> Result<(), E>,
) -> Result<(), E> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
    let (todo_in, todo_out) = crossbeam_channel::bounded::<T>(QUEUE);
    let (done_in, done_out) = crossbeam_channel::bounded(QUEUE);
    let work = &work;
    thread::scope(|scope| {
        for _ in 0..threads {
            let (todo_out, done_in) = (todo_out.clone(), done_in.clone());
            scope.spawn(move || {
                for item in todo_out {
                    let result = work(&item);
                    if cancelled.is_cancelled() || done_in.send((item, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop((todo_out, done_in));
        scope.spawn(move || {
            // A send fails only when every thread has ended.
            all.into_iter().try_for_each(|item| todo_in.send(item).ok())
        });
        // Leaving early drops the receiver, at which the threads end, at which the feeder ends.
        done_out.into_iter().try_for_each(receive)
    })
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, fs};

    use super::*;
    use crate::store::Sighting;

    fn files(folder: &std::path::Path, count: usize) -> Vec<FoundFile> {
        let sighting = Sighting::default();
        let paths = (0..count).map(|i| folder.join(i.to_string()));
        paths
            .map(|path| {
                fs::write(&path, path.to_str().unwrap()).unwrap();
                FoundFile { path, sighting }
            })
            .collect()
    }

    #[test]
    fn every_file_is_hashed_and_a_missing_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path(), 300);
        fs::remove_file(&files[7].path).unwrap();
        let (mut good, mut bad) = (0, Vec::new());
        hash_all(files, &CancellationToken::new(), |file, hashed| {
            match hashed {
                Ok(hashed) => {
                    assert_eq!(hashed.sha256, Sha256Digest::of(file.path.to_str().unwrap().as_bytes()));
                    assert_eq!(hashed.camera, Some(CameraReading::default()));
                    good += 1;
                }
                Err(_) => bad.push(file.path),
            }
            Ok::<_, Infallible>(())
        })
        .unwrap();
        assert_eq!((good, bad), (299, vec![folder.path().join("7")]));
    }

    #[test]
    fn an_error_of_the_receiver_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let result = hash_all(files(folder.path(), 300), &CancellationToken::new(), |_, _| Err("full"));
        assert_eq!(result, Err("full"));
    }
}
