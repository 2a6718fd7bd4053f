//! A made-up library of real photos for `scripts/bench-export`: `export LIBRARY LIST.json REFINED` writes its
//! store, and the manifest that `facesets export-swap` starts from.
//!
//! The list names photos with the boxes of their faces; the faces are made up, so that neither models nor
//! people are needed.

use std::{error::Error, fs, path::PathBuf, sync::Arc};

use facesets_base::{layout::REFINED_SCHEMA, library::Library, location::Location};
use facesets_core::{
    BBox, EMBEDDING_LEN, Face, FaceAnalysis, FaceContract, FaceEmbedding, LandmarksContract, Sha256Digest,
    face::{LANDMARKS_68, LANDMARKS_106},
};
use facesets_corpus::{
    manifest::{self, FaceEntry, NamedSet, RefinedManifest},
    placement::Placement,
};
use facesets_library::store::{FileSystemPolicy, LocationRecord, Provenance, Record, Sighting, Writer};
use facesets_people::refine::RefineParameters;
use serde::Deserialize;

/// Photos that share their people: every set has so many crops.
const PHOTOS_A_SET: usize = 100;

/// How far the noise takes a face from its person: about 0.13 in cosine distance, within every gate and
/// beyond that of duplicates.
const NOISE: f32 = 0.57;

/// A photo and the faces in it.
#[derive(Deserialize)]
struct Photo {
    path: PathBuf,
    sha256: String,
    size: u64,
    width: u32,
    height: u32,
    /// In pixels.
    boxes: Vec<[f32; 4]>,
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let [library, list, refined] = arguments.as_slice() else {
        // As in `cargo test --benches`, which wants no measurement.
        return Ok(());
    };
    let photos: Vec<Photo> = serde_json::from_slice(&fs::read(list)?)?;
    fill(&Library::new(library.as_str()), &photos)?;
    fs::create_dir_all(refined)?;
    manifest::write(refined.as_ref(), &refined_manifest(&photos))?;
    Ok(())
}

fn fill(library: &Library, photos: &[Photo]) -> Result<(), Box<dyn Error>> {
    let mut writer = Writer::open(library, FileSystemPolicy::Refuse)?;
    let provenance = Arc::new(Provenance { provider: "cpu".to_owned(), ..Provenance::default() });
    let mut records = Vec::new();
    for (number, photo) in photos.iter().enumerate() {
        let sha256: Sha256Digest = photo.sha256.parse()?;
        let sighting = Sighting { size: photo.size, ..Sighting::default() };
        let location =
            LocationRecord { at: Location::file(photo.path.clone()), sha256, sighting, vanished: false };
        records.push(Record::Located { location, bytes: photo.size });
        let analysis = Box::new(analysis(number, photo)?);
        records.push(Record::Analysed { sha256, analysis, provenance: Arc::clone(&provenance) });
    }
    writer.commit(&records)?;
    Ok(())
}

fn contract() -> FaceContract {
    let digest = Sha256Digest::of(b"model");
    FaceContract { detector: digest, recogniser: digest, det_size: 640, preprocessing: 1 }
}

fn analysis(number: usize, photo: &Photo) -> Result<FaceAnalysis, Box<dyn Error>> {
    let FaceContract { detector, det_size, preprocessing, .. } = contract();
    let face = |(person, corners): (usize, &[f32; 4])| face(number, person, *corners);
    Ok(FaceAnalysis {
        pack: "made-up".to_owned(),
        contract: contract(),
        landmarks_contract: LandmarksContract {
            detector,
            landmarks_106: detector,
            landmarks_68: detector,
            det_size,
            preprocessing,
        },
        width: photo.width,
        height: photo.height,
        faces: photo.boxes.iter().enumerate().map(face).collect::<Result<_, _>>()?,
        gender_age: None,
        pixels: None,
    })
}

/// A person is an axis; every photo has a direction of its own for the noise.
fn face(photo: usize, person: usize, corners: [f32; 4]) -> Result<Face, Box<dyn Error>> {
    let mut raw = [0.0; EMBEDDING_LEN];
    raw[person] = 1.0;
    raw[EMBEDDING_LEN - 1 - photo % PHOTOS_A_SET] = NOISE;
    let [x1, y1, ..] = corners;
    Ok(Face {
        bbox: BBox::new(corners)?,
        det_score: 0.8,
        keypoints: [[x1, y1]; 5],
        embedding: FaceEmbedding::from_raw(&raw)?,
        landmarks_106: vec![[x1, y1]; LANDMARKS_106],
        landmarks_68: vec![[x1, y1, 0.0]; LANDMARKS_68],
        blur: 100.0,
    })
}

fn refined_manifest(photos: &[Photo]) -> RefinedManifest {
    let entry = |photo: &Photo, bbox: [f32; 4]| FaceEntry {
        path: photo.path.display().to_string(),
        sha256: photo.sha256.clone(),
        bbox,
        det_score: 0.8,
    };
    let mut facesets = Vec::new();
    for shared in photos.chunks(PHOTOS_A_SET) {
        let people = shared.iter().map(|photo| photo.boxes.len()).max().unwrap_or(0);
        for person in 0..people {
            let faces = shared.iter().filter_map(|photo| Some(entry(photo, *photo.boxes.get(person)?)));
            facesets.push(NamedSet {
                name: format!("faceset_{:03}", facesets.len() + 1),
                faces: faces.collect(),
            });
        }
    }
    RefinedManifest {
        schema: REFINED_SCHEMA.to_owned(),
        contract: contract().to_string(),
        parameters: RefineParameters::default(),
        materialize: Placement::default(),
        highest_number: facesets.len(),
        facesets,
        dropped: Vec::new(),
        non_utf8_paths: Vec::new(),
    }
}
