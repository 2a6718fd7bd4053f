//! Made-up people who change over the years, in photos that can be read: what they look like is a direction
//! in space.

use facesets_base::location::Location;
use std::{fs, path::PathBuf, sync::Arc};

use facesets_base::library::Library;
use facesets_core::{EMBEDDING_LEN, Sha256Digest};
use facesets_imaging::{CameraTags, CaptureTime};
use facesets_library::store::{FileSystemPolicy, LocationRecord, Provenance, Record, Sighting, Writer};
use image::{Rgb, RgbImage};

use crate::{
    people::{analysis, face_at},
    program::Workspace,
};

/// Side of the photos in pixels.
const SIDE: u32 = 400;

/// Cosine similarity of a person's looks to what they have in common; any two looks are at a cosine distance
/// of 1 − 0.58.
const ALIKE: f32 = 0.761_577_3;

/// The first axis for looks, and the first for what each photo has of its own.
const LOOKS: usize = 20;
const OWN: usize = 60;

/// A photo of one person.
#[derive(Debug, Clone)]
pub struct Portrait {
    /// Path below the workspace's `photos`, without its ending. What follows a `~` makes another file of the
    /// same picture.
    pub name: String,
    /// Who it is, below 20.
    pub person: usize,
    /// What the years have made of them, below 40; different people look different.
    pub look: usize,
    /// Cosine distance of the face from its look.
    pub distance: f32,
    /// When it was taken; `None` where the camera does not say.
    pub year: Option<u16>,
}

/// Writes photos, what their cameras say, and their analyses into a workspace's library.
pub fn add(workspace: &Workspace, portraits: &[Portrait]) {
    let mut writer =
        Writer::open(&Library::new(workspace.join("library")), FileSystemPolicy::RollbackJournal)
            .expect("the library can be opened");
    let provenance = Arc::new(Provenance::default());
    let mut records = Vec::new();
    for portrait in portraits {
        let path = workspace.join("photos").join(format!("{}.png", portrait.name));
        fs::create_dir_all(path.parent().expect("a photo lies in a folder")).expect("a folder can be made");
        let [r, ..] = *Sha256Digest::of(portrait.name.as_bytes()).as_bytes();
        let [_, g, b, ..] = *portrait.picture().as_bytes();
        RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb([r, g ^ x as u8, b ^ y as u8]))
            .save(&path)
            .expect("a photo can be written");
        let bytes = fs::read(&path).expect("a photo can be read");
        let path: PathBuf = path.canonicalize().expect("a photo has a path");
        let sha256 = Sha256Digest::of(&bytes);
        let bytes = bytes.len() as u64;
        let sighting = Sighting { size: bytes, mtime_ns: 1, ..Sighting::default() };
        records.push(Record::Located {
            location: LocationRecord { at: Location::file(path), sha256, sighting, vanished: false },
            bytes,
        });
        let taken = portrait.year.map(|year| {
            CaptureTime::from_local(&format!("{year:04}-07-01T12:00:00"), None).expect("a date that exists")
        });
        let tags = CameraTags { orientation: None, taken };
        records.push(Record::Camera { sha256, tags });
        let analysis = Box::new(analysis("models", vec![face_at(100.0, &portrait.embedding())]));
        records.push(Record::Analysed { sha256, analysis, provenance: Arc::clone(&provenance) });
    }
    writer.commit(&records).expect("records can be written");
}

impl Portrait {
    /// What the picture is made of.
    fn picture(&self) -> Sha256Digest {
        let (picture, _) = self.name.split_once('~').unwrap_or((&self.name, ""));
        Sha256Digest::of(picture.as_bytes())
    }

    fn embedding(&self) -> Vec<f32> {
        let mut vector = vec![0.0; EMBEDDING_LEN];
        let cosine = 1.0 - self.distance;
        vector[self.person] = cosine * ALIKE;
        vector[LOOKS + self.look] = cosine * (1.0 - ALIKE * ALIKE).sqrt();
        // Two directions, so that hardly any two photos share both.
        let digest = self.picture();
        let axes = (EMBEDDING_LEN - OWN) / 2;
        let axis =
            |at: usize| usize::from(u16::from_le_bytes([digest.as_bytes()[at], digest.as_bytes()[at + 1]]));
        let own = ((1.0 - cosine * cosine) / 2.0).sqrt();
        vector[OWN + axis(0) % axes] = own;
        vector[OWN + axes + axis(2) % axes] = own;
        vector
    }
}
