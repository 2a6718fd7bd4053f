//! A made-up store for `scripts/bench-store`: `store fill LIBRARY FACES` writes one, `store gallery LIBRARY`
//! loads its faces.
//!
//! Prints what it did and how long that took as one line of JSON.

use std::{error::Error, fs, sync::Arc, time::Instant};

use facesets_base::{library::Library, location::Location};
use facesets_core::{
    BBox, EMBEDDING_LEN, Face, FaceAnalysis, FaceContract, FaceEmbedding, LandmarksContract, Sha256Digest,
    face::{LANDMARKS_68, LANDMARKS_106},
};
use facesets_library::store::{
    FileSystemPolicy, LocationRecord, Provenance, Record, Sighting, Store, Writer,
};

/// Contents in one transaction: a bench need not wait for the disk.
const CHUNK: u64 = 2_000;

#[expect(clippy::print_stdout, reason = "a benchmark of its own, read by the script")]
fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let start = Instant::now();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["fill", library, faces] => {
            let contents = fill(&Library::new(*library), faces.parse()?)?;
            println!("{{\"seconds\": {:.3}, \"contents\": {contents}}}", start.elapsed().as_secs_f64());
        }
        ["gallery", library] => {
            let store = Store::open_read(&Library::new(*library))?;
            store.knows_content(&Sha256Digest::of(b"nothing"))?;
            let opened = start.elapsed().as_secs_f64();
            let gallery = store.gallery(None)?;
            let loaded = start.elapsed().as_secs_f64() - opened;
            println!(
                "{{\"open_seconds\": {opened:.4}, \"gallery_seconds\": {loaded:.3}, \"faces\": {}, \
                 \"matrix_mb\": {}, \"peak_rss_mb\": {}}}",
                gallery.faces.len(),
                gallery.embeddings.len() * 4 / 1_000_000,
                peak_rss_kb()? / 1000
            );
        }
        // As in `cargo test --benches`, which wants no measurement.
        _ => {}
    }
    Ok(())
}

/// Two and a half faces a photo, one photo in ten with a second path, one in a hundred without any face.
/// Returns the photos.
fn fill(library: &Library, faces: u64) -> Result<u64, Box<dyn Error>> {
    let mut writer = Writer::open(library, FileSystemPolicy::Refuse)?;
    let mut random = Random(1);
    let provenance = Arc::new(Provenance { provider: "cpu".to_owned(), ..Provenance::default() });
    let (mut content, mut left) = (0, faces);
    while left > 0 {
        let mut records = Vec::new();
        for _ in 0..CHUNK {
            let count = if content % 100 == 7 { 0 } else { left.min(2 + content % 2) };
            left -= count;
            let sha256 = Sha256Digest::of(&u64::to_le_bytes(content));
            for copy in 0..if content % 10 == 3 { 2 } else { 1 } {
                records.push(located(content, copy, sha256));
            }
            let found = (0..count).map(|_| face(&mut random)).collect::<Result<_, _>>()?;
            let analysis = Box::new(analysis(found));
            records.push(Record::Analysed { sha256, analysis, provenance: Arc::clone(&provenance) });
            content += 1;
            if left == 0 {
                break;
            }
        }
        writer.commit(&records)?;
    }
    Ok(content)
}

fn located(content: u64, copy: u64, sha256: Sha256Digest) -> Record {
    let path = format!("/photos/{copy}/{:04}/{:02}/IMG_{content:07}.jpg", 2000 + content % 25, content % 12);
    let sighting = Sighting { size: 3_000_000, mtime_ns: content as i64, ..Sighting::default() };
    Record::Located {
        location: LocationRecord { at: Location::file(path), sha256, sighting, vanished: false },
        bytes: 3_000_000,
    }
}

fn analysis(faces: Vec<Face>) -> FaceAnalysis {
    let digest = Sha256Digest::of(b"model");
    let (det_size, preprocessing) = (640, 1);
    FaceAnalysis {
        pack: "open".to_owned(),
        contract: FaceContract { detector: digest, recogniser: digest, det_size, preprocessing },
        landmarks_contract: LandmarksContract {
            detector: digest,
            landmarks_106: digest,
            landmarks_68: digest,
            det_size,
            preprocessing,
        },
        width: 4000,
        height: 3000,
        faces,
        gender_age: None,
        pixels: None,
    }
}

fn face(random: &mut Random) -> Result<Face, Box<dyn Error>> {
    let raw: Vec<f32> = (0..EMBEDDING_LEN).map(|_| random.next()).collect();
    let [x, y] = [random.next() * 1000.0 + 1500.0, random.next() * 1000.0 + 1200.0];
    let mut point = || [x + random.next() * 100.0, y + random.next() * 100.0, random.next() * 50.0];
    let flat = |[x, y, _]: [f32; 3]| [x, y];
    Ok(Face {
        bbox: BBox::new([x - 100.0, y - 120.0, x + 100.0, y + 120.0])?,
        det_score: 0.8,
        keypoints: std::array::from_fn(|_| flat(point())),
        embedding: FaceEmbedding::from_raw(&raw)?,
        landmarks_106: (0..LANDMARKS_106).map(|_| flat(point())).collect(),
        landmarks_68: (0..LANDMARKS_68).map(|_| point()).collect(),
        blur: 100.0,
    })
}

/// Numbers in (−1, 1) that are the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 40) as f32 / (1u64 << 23) as f32) - 1.0
    }
}

fn peak_rss_kb() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak memory")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
