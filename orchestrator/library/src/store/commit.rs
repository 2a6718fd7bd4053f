//! What is to be written, gathered until it is worth a transaction.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use facesets_core::{FaceAnalysis, LandmarksContract, PixelDigest, Sha256Digest};
use facesets_imaging::CameraTags;

use super::{
    Absence, Landmarks, LeftOut, LocationRecord, Provenance, Sighting, StoreError, StoredFailure, Writer,
};

/// Results in one transaction: each costs a flush of the disk, some milliseconds, which 64 results share.
pub const COMMIT_EVERY: usize = 64;

/// What a result waits at most for its transaction; the most that a power cut can cost.
pub const COMMIT_WITHIN: Duration = Duration::from_millis(500);

/// One thing to write. Writing it twice is the same as writing it once.
#[derive(Debug, Clone)]
pub enum Record {
    /// A file holds a content.
    Located {
        /// The file.
        location: LocationRecord,
        /// Size of the content.
        bytes: u64,
    },
    /// A file is no longer there.
    Absent {
        /// The file.
        path: PathBuf,
        /// What has become of it.
        absence: Absence,
    },
    /// A file or folder could not be read, or is as it should be again.
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why it cannot be read.
        reason: Option<String>,
    },
    /// A worker has told what a content shows.
    Pictured {
        /// The content.
        sha256: Sha256Digest,
        /// The digest of its pixels.
        pixels: PixelDigest,
    },
    /// A place that is known was left out, and counts no more until it is located again.
    LeftOut {
        /// The file, of which a location is in the store.
        path: PathBuf,
        /// Why.
        reason: LeftOut,
    },
    /// A place that was left out was taken again.
    TakenAgain {
        /// The file.
        path: PathBuf,
    },
    /// A file whose name is not one of a photo was opened, and is none.
    NoPhoto {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        sighting: Sighting,
    },
    /// What the camera says about a content was read.
    Camera {
        /// The content.
        sha256: Sha256Digest,
        /// What it says.
        tags: CameraTags,
    },
    /// A content was analysed.
    Analysed {
        /// The content.
        sha256: Sha256Digest,
        /// The result, with its contract.
        analysis: Box<FaceAnalysis>,
        /// What measured.
        provenance: Arc<Provenance>,
    },
    /// The faces of an analysed content have landmarks by another network than before.
    Enriched {
        /// The content.
        sha256: Sha256Digest,
        /// Of the faces, which stay as they are.
        contract: String,
        /// Of the new landmarks.
        landmarks_contract: Box<LandmarksContract>,
        /// One entry a face, by their numbers.
        landmarks: Vec<Landmarks>,
    },
    /// A worker died while a content was in flight.
    Struck {
        /// The content.
        sha256: Sha256Digest,
        /// Under which contract.
        contract: String,
        /// Workers that died with nothing else in flight, in all.
        deaths: u32,
    },
    /// A content cannot be analysed.
    Failed {
        /// The content.
        sha256: Sha256Digest,
        /// Under which contract.
        contract: String,
        /// Why.
        failure: StoredFailure,
    },
}

/// Gathers records and commits every [`COMMIT_EVERY`] of them or after [`COMMIT_WITHIN`].
#[derive(Debug)]
pub struct Committer {
    writer: Writer,
    waiting: Vec<Record>,
    oldest: Option<Instant>,
}

impl Committer {
    /// A committer with nothing to write yet.
    pub fn new(writer: Writer) -> Self {
        Self { writer, waiting: Vec::with_capacity(COMMIT_EVERY), oldest: None }
    }

    /// The writer; what waits is not in there yet.
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// What is not committed yet.
    pub fn waiting(&self) -> &[Record] {
        &self.waiting
    }

    /// Takes a record, and commits if that makes enough of them or the oldest has waited long enough.
    pub fn add(&mut self, record: Record) -> Result<(), StoreError> {
        self.waiting.push(record);
        let oldest = *self.oldest.get_or_insert_with(Instant::now);
        if self.waiting.len() >= COMMIT_EVERY || oldest.elapsed() >= COMMIT_WITHIN {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// When [`Self::flush`] is due; `None` while nothing waits.
    pub fn due(&self) -> Option<Instant> {
        self.oldest.map(|oldest| oldest + COMMIT_WITHIN)
    }

    /// Commits whatever waits. After an error it still waits.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.writer.commit(&self.waiting)?;
        self.waiting.clear();
        self.oldest = None;
        Ok(())
    }
}
