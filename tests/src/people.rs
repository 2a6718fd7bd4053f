//! Libraries of made-up people: each is a direction in space, and their photos are files that nobody decodes.

use facesets_base::location::Location;
use std::{fs, path::PathBuf, sync::Arc};

use facesets_base::library::Library;
use facesets_core::{
    BBox, EMBEDDING_LEN, Face, FaceAnalysis, FaceContract, FaceEmbedding, LandmarksContract, Sha256Digest,
    face::{LANDMARKS_68, LANDMARKS_106},
};
use facesets_library::store::{FileSystemPolicy, LocationRecord, Provenance, Record, Sighting, Writer};

use crate::program::Workspace;

/// How far photos of one person scatter: two of them are at a cosine distance of about 0.2.
const SCATTER: f32 = 0.5;

/// A photo to be written and analysed.
#[derive(Debug, Clone)]
pub struct Photo {
    /// Path below the workspace's `photos`.
    pub name: String,
    /// Who is in it.
    pub people: Vec<usize>,
}

impl Photo {
    /// The `number`th photo of one person.
    pub fn of(person: usize, number: usize) -> Self {
        Self { name: format!("p{person:03}/{number:03}.jpg"), people: vec![person] }
    }
}

/// The contract of made-up faces; `variant` stands for the models.
pub fn contract(variant: &str) -> FaceContract {
    let digest = Sha256Digest::of(variant.as_bytes());
    FaceContract { detector: digest, recogniser: digest, det_size: 640, preprocessing: 1 }
}

/// Writes photos and their analyses under the contract of `variant` into a workspace's library.
pub fn add(workspace: &Workspace, variant: &str, photos: &[Photo]) {
    let mut writer =
        Writer::open(&Library::new(workspace.join("library")), FileSystemPolicy::RollbackJournal)
            .expect("the library can be opened");
    let provenance = Arc::new(Provenance::default());
    let mut records = Vec::new();
    for photo in photos {
        let path = workspace.join("photos").join(&photo.name);
        fs::create_dir_all(path.parent().expect("a photo lies in a folder")).expect("a folder can be made");
        fs::write(&path, &photo.name).expect("a photo can be written");
        let path: PathBuf = path.canonicalize().expect("a photo has a path");
        let sha256 = Sha256Digest::of(photo.name.as_bytes());
        let bytes = photo.name.len() as u64;
        let sighting = Sighting { size: bytes, mtime_ns: 1, ..Sighting::default() };
        records.push(Record::Located {
            location: LocationRecord { at: Location::file(path), sha256, sighting, vanished: false },
            bytes,
        });
        let faces = (0..).zip(&photo.people).map(|(at, person)| face(*person, &photo.name, at)).collect();
        let analysis = Box::new(analysis(variant, faces));
        records.push(Record::Analysed { sha256, analysis, provenance: Arc::clone(&provenance) });
    }
    writer.commit(&records).expect("records can be written");
}

pub(crate) fn analysis(variant: &str, faces: Vec<Face>) -> FaceAnalysis {
    let contract = contract(variant);
    let landmarks_contract = LandmarksContract {
        detector: contract.detector,
        landmarks_106: contract.detector,
        landmarks_68: contract.detector,
        det_size: contract.det_size,
        preprocessing: contract.preprocessing,
    };
    FaceAnalysis {
        pack: "people".to_owned(),
        contract,
        landmarks_contract,
        width: 4000,
        height: 3000,
        faces,
        gender_age: None,
        pixels: None,
    }
}

/// A face of a person; the scatter follows from the photo's name.
fn face(person: usize, name: &str, at: u16) -> Face {
    let digest = Sha256Digest::of(name.as_bytes());
    let noise = |i: usize| f32::from(digest.as_bytes()[i % 32] ^ (i * 7) as u8) / 127.5 - 1.0;
    let length = (0..EMBEDDING_LEN).map(|i| noise(i).powi(2)).sum::<f32>().sqrt();
    let mut raw: Vec<f32> = (0..EMBEDDING_LEN).map(|i| SCATTER * noise(i) / length).collect();
    raw[person % EMBEDDING_LEN] += 1.0;
    face_at(100.0 + 500.0 * f32::from(at), &raw)
}

/// A face of 200 × 220 pixels that passes every gate; `raw` is what a recogniser would say of it.
pub(crate) fn face_at(left: f32, raw: &[f32]) -> Face {
    Face {
        bbox: BBox::new([left, 100.0, left + 200.0, 320.0]).expect("a box"),
        det_score: 0.9,
        keypoints: [[left, 150.0]; 5],
        embedding: FaceEmbedding::from_raw(raw).expect("an embedding"),
        landmarks_106: vec![[left, 150.0]; LANDMARKS_106],
        landmarks_68: vec![[left, 150.0, 0.0]; LANDMARKS_68],
        blur: 100.0,
    }
}
