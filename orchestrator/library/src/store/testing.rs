//! Libraries and records made up for tests, of this package and of those above it.

#![allow(missing_docs, clippy::missing_panics_doc, clippy::unwrap_used)]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use facesets_base::{library::Library, location::Location};
use facesets_core::{
    BBox, EMBEDDING_LEN, Face, FaceAnalysis, FaceContract, FaceEmbedding, LandmarksContract, Sha256Digest,
    face::{LANDMARKS_68, LANDMARKS_106},
    wire::ItemFailureKind,
};
use tempfile::TempDir;

use super::{FileSystemPolicy, LocationRecord, Provenance, Record, Sighting, Store, StoredFailure, Writer};

pub fn library() -> (TempDir, Library) {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::new(folder.path().join("library"));
    (folder, library)
}

pub fn writer(library: &Library) -> Writer {
    Writer::open(library, FileSystemPolicy::Refuse).unwrap()
}

pub fn contract() -> FaceContract {
    let digest = Sha256Digest::of(b"model");
    FaceContract { detector: digest, recogniser: digest, det_size: 640, preprocessing: 1 }
}

pub fn landmarks_contract() -> LandmarksContract {
    let digest = Sha256Digest::of(b"model");
    LandmarksContract {
        detector: digest,
        landmarks_106: digest,
        landmarks_68: digest,
        det_size: 640,
        preprocessing: 1,
    }
}

/// A face whose every number follows from `seed`.
pub fn face(seed: u32) -> Face {
    let value = |i: usize| ((seed as usize * 7919 + i * 31) % 997) as f32 / 7.0 + 0.1;
    let raw: Vec<f32> = (0..EMBEDDING_LEN).map(value).collect();
    // Faces of seeds that follow each other lie beside each other.
    let (left, top) = ((seed % 20) as f32 * 19.3, (seed / 20 % 15) as f32 * 19.7);
    Face {
        bbox: BBox::new([left, top, left + 1.0 + value(3) / 10.0, top + 1.0 + value(4) / 10.0]).unwrap(),
        det_score: 0.5 + (seed % 50) as f32 / 101.0,
        keypoints: std::array::from_fn(|i| [value(i), value(i + 5)]),
        embedding: FaceEmbedding::from_raw(&raw).unwrap(),
        landmarks_106: (0..LANDMARKS_106).map(|i| [value(i), value(i + 1)]).collect(),
        landmarks_68: (0..LANDMARKS_68).map(|i| [value(i), value(i * i), value(i * 3)]).collect(),
        blur: value(9),
    }
}

pub fn analysis(faces: Vec<Face>) -> Box<FaceAnalysis> {
    let (contract, landmarks_contract) = (contract(), landmarks_contract());
    let pack = "open".to_owned();
    Box::new(FaceAnalysis {
        pack,
        contract,
        landmarks_contract,
        width: 400,
        height: 300,
        faces,
        gender_age: None,
        pixels: None,
    })
}

pub fn located(path: impl Into<PathBuf>, sha256: Sha256Digest) -> Record {
    let sighting = Sighting { size: 3, mtime_ns: 5, ..Sighting::default() };
    Record::Located {
        location: LocationRecord { at: Location::file(path), sha256, sighting, vanished: false },
        bytes: 3,
    }
}

pub fn analysed(sha256: Sha256Digest, faces: Vec<Face>) -> Record {
    Record::Analysed { sha256, analysis: analysis(faces), provenance: Arc::new(Provenance::default()) }
}

pub fn failed(sha256: Sha256Digest) -> Record {
    let failure = StoredFailure::new(ItemFailureKind::Decode, "broken").unwrap();
    Record::Failed { sha256, contract: contract().to_string(), failure }
}

pub fn dump(store: &Store) -> String {
    let mut out = Vec::new();
    store.dump(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// A database of another program.
pub fn foreign_database(path: &Path) {
    let other = rusqlite::Connection::open(path).unwrap();
    other.execute_batch("CREATE TABLE notes (text)").unwrap();
}
