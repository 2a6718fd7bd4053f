//! Digests of many files at once.

use std::{fs::File, io, num::NonZero, thread};

use facesets_core::Sha256Digest;
use tokio_util::sync::CancellationToken;

use super::disk::FoundFile;

/// More threads than this only wait for the disk.
const MAX_THREADS: usize = 8;

/// Files handed to the threads, and digests handed back, ahead of time: enough that nobody waits for a turn, and no more.
const QUEUE: usize = 64;

/// A file that was read.
#[derive(Debug)]
pub struct Hashed {
    /// The file.
    pub file: FoundFile,
    /// Its digest and the number of bytes that were read.
    pub result: io::Result<(Sha256Digest, u64)>,
}

/// Reads every file and hands each result to `receive`, in no particular order.
///
/// Ends early when `cancelled`, or when `receive` answers with an error.
pub fn hash_all<E>(
    files: Vec<FoundFile>,
    cancelled: &CancellationToken,
    mut receive: impl FnMut(Hashed) -> Result<(), E>,
) -> Result<(), E> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
    let (files_in, files_out) = crossbeam_channel::bounded::<FoundFile>(QUEUE);
    let (hashed_in, hashed_out) = crossbeam_channel::bounded(QUEUE);
    thread::scope(|scope| {
        for _ in 0..threads {
            let (files_out, hashed_in) = (files_out.clone(), hashed_in.clone());
            scope.spawn(move || {
                for file in files_out {
                    let result = File::open(&file.path).and_then(Sha256Digest::of_reader);
                    if cancelled.is_cancelled() || hashed_in.send(Hashed { file, result }).is_err() {
                        return;
                    }
                }
            });
        }
        drop((files_out, hashed_in));
        scope.spawn(move || {
            // A send fails only when every thread has ended.
            files.into_iter().try_for_each(|file| files_in.send(file).ok())
        });
        // Leaving early drops the receiver, at which the threads end, at which the feeder ends.
        hashed_out.into_iter().try_for_each(&mut receive)
    })
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, fs};

    use super::*;
    use crate::store::Sighting;

    fn files(folder: &std::path::Path, count: usize) -> Vec<FoundFile> {
        let sighting = Sighting { size: 0, mtime_ns: 0 };
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
        hash_all(files, &CancellationToken::new(), |hashed| {
            match hashed.result {
                Ok((digest, _)) => {
                    assert_eq!(digest, Sha256Digest::of(hashed.file.path.to_str().unwrap().as_bytes()));
                    good += 1;
                }
                Err(_) => bad.push(hashed.file.path),
            }
            Ok::<_, Infallible>(())
        })
        .unwrap();
        assert_eq!((good, bad), (299, vec![folder.path().join("7")]));
    }

    #[test]
    fn an_error_of_the_receiver_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let result = hash_all(files(folder.path(), 300), &CancellationToken::new(), |_| Err("full"));
        assert_eq!(result, Err("full"));
    }
}
