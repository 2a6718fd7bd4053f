//! The faces of a library as the algorithms see them: one record and one matrix row a face, no store, no
//! files.

use std::{collections::HashMap, path::Path};

use facesets_base::location::Location;
use facesets_core::{BBox, Pose, Sha256Digest, face::Keypoints};
use ndarray::{Array1, Array2, ArrayView1};

/// Every face under one contract, with the contents they were found in.
///
/// Faces are sorted by (canonical path of their content, number within the content), so that whatever is
/// derived in this order is the same however the library was filled.
#[derive(Debug, Clone)]
pub struct Gallery {
    /// Contract of the embeddings, as text.
    pub contract: String,
    /// Contents with at least one location, sorted by canonical path; also those without a face.
    pub contents: Vec<Content>,
    /// The faces.
    pub faces: Vec<GalleryFace>,
    /// n × 512, row i is the unit embedding of `faces[i]`.
    pub embeddings: Array2<f32>,
    /// What is known and counts for nothing.
    pub absent: Absent,
}

/// Analysed contents that count for nothing, since wherever they were seen they are gone or left out, or
/// something else is there by now.
#[derive(Debug, Clone, Default)]
pub struct Absent {
    /// Their places, in byte order, as far as nothing else is there.
    pub contents: HashMap<Sha256Digest, Vec<Location>>,
    /// Those of their faces of which consent is said: what is refused for a person stays refused when the
    /// photo is gone.
    pub spoken_of: Vec<AbsentFace>,
}

/// A face in a photo that counts for nothing.
#[derive(Debug, Clone)]
pub struct AbsentFace {
    /// The photo.
    pub sha256: Sha256Digest,
    /// Box in pixels of the upright image.
    pub bbox: BBox,
    /// Unit embedding, 512 values.
    pub embedding: Array1<f32>,
}

/// A photo, wherever it lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// Its name.
    pub sha256: Sha256Digest,
    /// Where it lies, in byte order; the first one is canonical, the others are its aliases. Never empty.
    pub locations: Vec<Location>,
    /// Width of the upright image in pixels.
    pub width: u32,
    /// Height of the upright image in pixels.
    pub height: u32,
    /// Size of the file.
    pub bytes: u64,
    /// Year in which it was taken, by the camera's own clock; `None` where the camera does not say.
    pub capture_year: Option<u16>,
}

/// A face without its embedding, which is the row of the same number.
#[derive(Debug, Clone, PartialEq)]
pub struct GalleryFace {
    /// Index into [`Gallery::contents`].
    pub content: usize,
    /// Number within the content, 0 for the most confident.
    pub number: u32,
    /// Box in pixels of the upright image.
    pub bbox: BBox,
    /// Detector confidence in (0, 1].
    pub det_score: f32,
    /// Length of the recogniser's raw output.
    pub norm: f32,
    /// Variance of the Laplacian.
    pub blur: f32,
    /// 68 points x, y, z in pixels.
    pub landmarks_68: Vec<[f32; 3]>,
    /// Degrees by which the face is turned in the photo, from the detector's five points
    /// ([`facesets_core::roll_of`]); `None` where they say nothing.
    pub roll: Option<f32>,
    /// Head pose from the 68 points; `None` where they span nothing or contradict `roll`, as they do where a
    /// face is not upright.
    pub pose: Option<Pose>,
}

/// What is measured of a face and needed of few: no part of a gallery, read one by one.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceDetails {
    /// The detector's five points.
    pub keypoints: Keypoints,
    /// 106 points x, y in pixels; empty where the library came without them.
    pub landmarks_106: Vec<[f32; 2]>,
}

impl Content {
    /// The location under which the content is known.
    pub fn canonical(&self) -> &Location {
        &self.locations[0]
    }

    /// Whether it lies, at any of its locations, in the folder `root` or below it.
    pub fn lies_below(&self, root: &Path) -> bool {
        self.locations.iter().any(|location| location.is_below(root))
    }

    /// The other ones where the same bytes lie.
    pub fn aliases(&self) -> &[Location] {
        &self.locations[1..]
    }
}

impl Gallery {
    /// The photo of a face.
    pub fn content_of(&self, face: usize) -> &Content {
        &self.contents[self.faces[face].content]
    }

    /// The place of each face in the order of (content, number), which does not depend on where photos lie.
    pub fn tie_ranks(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.faces.len()).collect();
        order.sort_by_key(|face| (self.content_of(*face).sha256, self.faces[*face].number));
        let mut ranks = vec![0; order.len()];
        for (rank, face) in order.into_iter().enumerate() {
            ranks[face] = rank;
        }
        ranks
    }

    /// A digest of everything in it but the embeddings, which follow from contents and contract: equal where
    /// decisions made from it are.
    pub fn digest(&self) -> Sha256Digest {
        let mut text = self.contract.as_bytes().to_vec();
        for content in &self.contents {
            text.extend_from_slice(content.sha256.as_bytes());
            for location in &content.locations {
                text.extend_from_slice(location.bytes());
                text.push(0);
            }
        }
        for face in &self.faces {
            text.extend_from_slice(&(face.content as u64).to_le_bytes());
            text.extend_from_slice(&face.number.to_le_bytes());
            let [x1, y1, x2, y2] = face.bbox.corners();
            for value in [x1, y1, x2, y2, face.det_score, face.blur] {
                text.extend_from_slice(&value.to_bits().to_le_bytes());
            }
        }
        Sha256Digest::of(&text)
    }

    /// The unit embedding of a face.
    pub fn embedding(&self, face: usize) -> ArrayView1<'_, f32> {
        self.embeddings.row(face)
    }

    /// Contents in which no face was found, in order of their canonical path.
    pub fn contents_without_face(&self) -> impl Iterator<Item = &Content> {
        let mut has_face = vec![false; self.contents.len()];
        for face in &self.faces {
            has_face[face.content] = true;
        }
        self.contents.iter().zip(has_face).filter(|(_, has)| !has).map(|(content, _)| content)
    }
}

impl Absent {
    /// Whether the content of this digest in hexadecimal is known and counts for nothing.
    pub fn has(&self, sha256: &str) -> bool {
        !self.contents.is_empty() && sha256.parse().is_ok_and(|digest| self.contents.contains_key(&digest))
    }
}

impl AbsentFace {
    /// Whether it is the face that somebody named, maybe with the box of another detector.
    pub fn is(&self, sha256: &Sha256Digest, bbox: &BBox) -> bool {
        self.sha256 == *sha256 && self.bbox.iou(bbox) >= MIN_OVERLAP
    }
}

/// Least overlap (intersection over union) of a box that somebody named and the detection that is meant by
/// it, where another detector drew the box.
const MIN_OVERLAP: f32 = 0.5;

/// Faces by photo and about where they are in it: for boxes that another detector drew.
#[derive(Debug)]
pub struct FaceFinder<'a> {
    gallery: &'a Gallery,
    by_content: HashMap<Sha256Digest, Vec<usize>>,
}

impl<'a> FaceFinder<'a> {
    /// A finder for all faces of a gallery.
    pub fn new(gallery: &'a Gallery) -> Self {
        let mut by_content: HashMap<Sha256Digest, Vec<usize>> = HashMap::new();
        for row in 0..gallery.faces.len() {
            by_content.entry(gallery.content_of(row).sha256).or_default().push(row);
        }
        Self { gallery, by_content }
    }

    /// The row of the face of a photo that overlaps a box most, if that is by half at least.
    pub fn find(&self, sha256: &Sha256Digest, bbox: &BBox) -> Option<usize> {
        let rows = self.by_content.get(sha256)?;
        let overlap = |row: &usize| self.gallery.faces[*row].bbox.iou(bbox);
        let best = rows.iter().max_by(|a, b| overlap(a).total_cmp(&overlap(b)))?;
        (overlap(best) >= MIN_OVERLAP).then_some(*best)
    }
}

/// Faces by what identifies them for good: the digest of the photo (in hexadecimal) and the box.
#[derive(Debug)]
pub struct FaceIndex(HashMap<(String, [u32; 4]), usize>);

impl FaceIndex {
    /// An index of all faces of a gallery.
    pub fn new(gallery: &Gallery) -> Self {
        let key = |face: usize| {
            (gallery.content_of(face).sha256.to_string(), bits(gallery.faces[face].bbox.corners()))
        };
        Self((0..gallery.faces.len()).map(|face| (key(face), face)).collect())
    }

    /// The row of a face.
    pub fn row(&self, sha256: &str, bbox: [f32; 4]) -> Option<usize> {
        self.0.get(&(sha256.to_owned(), bits(bbox))).copied()
    }
}

fn bits(corners: [f32; 4]) -> [u32; 4] {
    corners.map(f32::to_bits)
}
