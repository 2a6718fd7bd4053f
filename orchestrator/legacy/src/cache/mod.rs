//! The cache of the system before this one, in one transaction: one row a face, named by the path of its
//! photo.
//!
//! What the cache does not say is read off the photos, which must be there: digest, size, capture date, width
//! and height of the upright image. What was measured is taken as it is or not at all; the one derived figure
//! is the length of a raw embedding. Everything is in memory at once, some 4 kB a face.

mod arrays;
mod error;
mod photos;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
};

use facesets_base::{
    fields::FieldNames,
    location::Location,
    monitor::Monitor,
    plausible::{Extent, Implausible, check_analysis, check_face},
};
use facesets_core::{
    BBox, Face, FaceAnalysis, FaceContract, FaceEmbedding, LandmarksContract,
    face::{self, Keypoints},
};
use facesets_interop::{
    ImportError,
    import::{ImportSummary, Merging, Tally},
    source::{self, Arrays},
};
use facesets_library::store::{Incoming, LocationRecord, Merge, Provenance};
use serde::Serialize;

pub use error::LegacyError;

use self::arrays::Numbers;

/// What may be mapped. Without `norm` the embeddings must be raw; without `sha256` photos are taken to be
/// those that were measured; `noface` are paths of photos without a face.
pub const FIELDS: [&str; 11] = [
    "path",
    "sha256",
    "bbox",
    "det_score",
    "embedding",
    "norm",
    "blur",
    "keypoints",
    "landmarks_106",
    "landmarks_68",
    "noface",
];

/// Without these there is no face.
const NEEDED: [&str; 8] =
    ["path", "bbox", "det_score", "embedding", "blur", "keypoints", "landmarks_106", "landmarks_68"];

/// What the system before this one is known to have called some of them, where they have not our name.
const THEIR_NAMES: [(&str, &str); 2] =
    [("landmarks_106", "landmark_2d_106"), ("landmarks_68", "landmark_3d_68")];

/// How far a vector's length may be from 1, or from its `norm` in parts of it, for the two to be the same.
const TOLERANCE: f32 = 1e-3;

/// What the cache does not say of itself.
#[derive(Debug, Clone, Copy)]
pub struct Assumed {
    faces: FaceContract,
    landmarks: LandmarksContract,
}

impl Assumed {
    /// From the texts of one contract for face embeddings and one for landmarks, in any order.
    pub fn parse(texts: &[String]) -> Result<Self, LegacyError> {
        let (mut faces, mut landmarks) = (Vec::new(), Vec::new());
        for text in texts {
            match (text.parse(), text.parse()) {
                (Ok(contract), _) => faces.push(contract),
                (_, Ok(contract)) => landmarks.push(contract),
                _ => return Err(LegacyError::Contract(text.clone())),
            }
        }
        match (&faces[..], &landmarks[..]) {
            ([faces], [landmarks]) => Ok(Self { faces: *faces, landmarks: *landmarks }),
            ([_], _) => Err(LegacyError::Contracts { kind: "landmarks", found: landmarks.len() }),
            _ => Err(LegacyError::Contracts { kind: "face embeddings", found: faces.len() }),
        }
    }
}

/// A photo of the cache that did not come in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its path.
    pub path: PathBuf,
    /// Why.
    pub why: String,
    /// Its faces.
    pub faces: usize,
}

/// What was read, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LegacySummary {
    /// As for arrays of our own.
    #[serde(flatten)]
    pub import: ImportSummary,
    /// Photos that are not there, or not as they were.
    pub left_out: Vec<LeftOut>,
}

/// Merges an old cache into a store. Nothing is changed unless everything fits; photos that are not there any
/// more are left out.
pub fn import_legacy(
    path: &Path,
    fields: &FieldNames,
    assumed: Assumed,
    merge: Merge<'_>,
    monitor: &dyn Monitor,
) -> Result<LegacySummary, LegacyError> {
    let arrays = source::open(path)?;
    let cache = Cache::read(&*arrays, fields)?;
    monitor.start("reading photos", Some(cache.photos.len() as u64));
    let (photos, left_out) = photos::look(&cache.photos, monitor);
    monitor.finish();
    if let (true, Some(LeftOut { path, why, .. })) = (photos.is_empty(), left_out.first()) {
        let photos = left_out.len();
        return Err(LegacyError::NoPhoto { photos, first: path.clone(), why: why.clone() });
    }
    let summary = ImportSummary {
        contract: assumed.faces.to_string(),
        dry_run: merge.is_rehearsal(),
        faces: 0,
        contents: Tally::default(),
        outcomes: Tally::default(),
        locations: Tally::default(),
    };
    let mut summary = LegacySummary { import: summary, left_out };
    let mut import = Merging::new(merge);
    let mut known = BTreeSet::new();
    for photo in photos {
        let sha256 = photo.sha256;
        if known.insert(sha256) {
            let merged = import.merge.content(&sha256, photo.bytes, Some(&photo.camera))?;
            import.count(merged, &mut summary.import.contents);
            let rows = &cache.photos[&photo.path].rows;
            // What was decoded has a size.
            let extent = Extent::new(photo.width, photo.height).map_err(|error| cache.wrong(rows, &error))?;
            let faces = cache.faces(rows, extent)?;
            summary.import.faces += faces.len() as u64;
            let analysis = FaceAnalysis {
                pack: String::new(),
                contract: assumed.faces,
                landmarks_contract: assumed.landmarks,
                width: photo.width,
                height: photo.height,
                faces,
                gender_age: None,
                pixels: None,
            };
            check_analysis(&analysis, None).map_err(|error| cache.wrong(rows, &error))?;
            let incoming = Incoming::Analysed(Box::new(analysis), Provenance::default());
            let merged = import.merge.outcome(&sha256, &summary.import.contract, &incoming)?;
            import.count(merged, &mut summary.import.outcomes);
        }
        let location = LocationRecord {
            at: Location::file(photo.path),
            sha256,
            sighting: photo.sighting,
            vanished: false,
        };
        let merged = import.merge.location(&location, None)?;
        import.count(merged, &mut summary.import.locations);
    }
    import.finish()?;
    Ok(summary)
}

/// What the cache says of a photo.
#[derive(Debug, Default)]
struct CachedPhoto {
    rows: Vec<usize>,
    sha256: Option<String>,
}

struct Cache {
    photos: BTreeMap<PathBuf, CachedPhoto>,
    /// What its array of embeddings is called.
    embedding_name: String,
    bbox_name: String,
    bbox: Numbers,
    det_score: Numbers,
    embedding: Numbers,
    norm: Option<Numbers>,
    blur: Numbers,
    keypoints: Numbers,
    landmarks_106: Numbers,
    landmarks_68: Numbers,
}

impl Cache {
    fn read(arrays: &dyn Arrays, fields: &FieldNames) -> Result<Self, LegacyError> {
        let names = Names::new(arrays, fields)?;
        let needed = |field: &str| names.of(field).unwrap_or(field).to_owned();
        let paths = arrays::texts(arrays, &needed("path"))?;
        let same = |field: &str, rows: usize| {
            if rows == paths.len() {
                return Ok(());
            }
            let problem = format!("has {rows} rows, `{}` has {}", needed("path"), paths.len());
            Err(LegacyError::Import(ImportError::Array { array: needed(field), problem }))
        };
        let read = |field: &str, shape: &[u64]| {
            let numbers = Numbers::read(arrays, &needed(field), shape)?;
            same(field, numbers.rows)?;
            Ok::<_, LegacyError>(numbers)
        };
        let digests = names.of("sha256").map(|theirs| arrays::texts(arrays, theirs)).transpose()?;
        digests.iter().try_for_each(|digests| same("sha256", digests.len()))?;
        let mut photos: BTreeMap<PathBuf, CachedPhoto> = BTreeMap::new();
        let absolute = |field: &str, row: usize, path: &str| {
            let is_absolute = Path::new(path).is_absolute();
            let wrong = || LegacyError::row(&needed(field), row, format!("`{path}` is no absolute path"));
            is_absolute.then(|| PathBuf::from(path)).ok_or_else(wrong)
        };
        for (row, path) in paths.iter().enumerate() {
            let photo = photos.entry(absolute("path", row, path)?).or_default();
            photo.rows.push(row);
            let digest = digests.as_ref().map(|digests| digests[row].to_lowercase());
            if photo.rows.len() > 1 && photo.sha256 != digest {
                let problem = format!("`{path}` has two digests");
                return Err(LegacyError::row(&needed("sha256"), row, problem));
            }
            photo.sha256 = digest;
        }
        if let Some(theirs) = names.of("noface") {
            for (row, path) in arrays::texts(arrays, theirs)?.iter().enumerate() {
                photos.entry(absolute("noface", row, path)?).or_default();
            }
        }
        let norm = match names.of("norm") {
            Some(_) => Some(read("norm", &[])?),
            None => None,
        };
        Ok(Self {
            photos,
            bbox: read("bbox", &[4])?,
            det_score: read("det_score", &[])?,
            embedding: read("embedding", &[facesets_core::EMBEDDING_LEN as u64])?,
            norm,
            blur: read("blur", &[])?,
            keypoints: read("keypoints", &[5, 2])?,
            landmarks_106: read("landmarks_106", &[face::LANDMARKS_106 as u64, 2])?,
            landmarks_68: read("landmarks_68", &[face::LANDMARKS_68 as u64, 3])?,
            embedding_name: needed("embedding"),
            bbox_name: needed("bbox"),
        })
    }

    /// The faces in some rows, the most confident first as a detector gives them.
    fn faces(&self, rows: &[usize], photo: Extent) -> Result<Vec<Face>, LegacyError> {
        let mut faces = rows.iter().map(|row| self.face(*row, photo)).collect::<Result<Vec<Face>, _>>()?;
        faces.sort_by(|a, b| b.det_score.total_cmp(&a.det_score));
        Ok(faces)
    }

    /// What is wrong with the faces of a photo, which has these rows.
    fn wrong(&self, rows: &[usize], problem: &Implausible) -> LegacyError {
        LegacyError::row(&self.bbox_name, rows.first().copied().unwrap_or(0), problem.to_string())
    }

    fn face(&self, row: usize, photo: Extent) -> Result<Face, LegacyError> {
        let wrong = |problem: String| LegacyError::row(&self.bbox_name, row, problem);
        let mut corners = [0.0; 4];
        corners.copy_from_slice(self.bbox.row(row));
        let bbox = BBox::new(corners).map_err(|error| wrong(error.to_string()))?;
        let keypoints: Keypoints =
            self.keypoints.points(row).try_into().expect("five points a row were checked at the beginning");
        let centre = [0, 1].map(|axis| keypoints.iter().map(|point| point[axis]).sum::<f32>() / 5.0);
        let within = (bbox.x1..=bbox.x2).contains(&centre[0]) && (bbox.y1..=bbox.y2).contains(&centre[1]);
        if !within {
            let problem =
                "its five points lie elsewhere: a box is x1, y1, x2, y2 in the pixels of the upright photo";
            return Err(wrong(problem.to_owned()));
        }
        let face = Face {
            bbox,
            det_score: self.det_score.one(row),
            keypoints,
            embedding: self.embedding(row)?,
            landmarks_106: self.landmarks_106.points(row),
            landmarks_68: self.landmarks_68.points(row),
            blur: self.blur.one(row),
        };
        check_face(&face, photo).map_err(|what| wrong(format!("the face {what}")))?;
        Ok(face)
    }

    /// A raw vector has its length; a unit vector needs one beside it.
    fn embedding(&self, row: usize) -> Result<FaceEmbedding, LegacyError> {
        let wrong = |problem: String| LegacyError::row(&self.embedding_name, row, problem);
        let raw =
            FaceEmbedding::from_raw(self.embedding.row(row)).map_err(|error| wrong(error.to_string()))?;
        let is_unit = (raw.norm - 1.0).abs() <= TOLERANCE;
        match self.norm.as_ref().map(|norms| norms.one(row)) {
            None if is_unit => Err(LegacyError::NoNorm(self.embedding_name.clone())),
            None => Ok(raw),
            Some(norm) if is_unit || (raw.norm - norm).abs() <= TOLERANCE * norm => {
                Ok(FaceEmbedding { norm, ..raw })
            }
            Some(norm) => Err(wrong(format!("its length is {}, but `norm` says {norm}", raw.norm))),
        }
    }
}

/// Which array is which field.
struct Names<'a> {
    fields: &'a FieldNames,
    there: BTreeSet<String>,
}

impl<'a> Names<'a> {
    /// Refuses names of arrays that there are not, and caches without what every face must have.
    fn new(arrays: &dyn Arrays, fields: &'a FieldNames) -> Result<Self, LegacyError> {
        let names = Self { fields, there: arrays.names().into_iter().collect() };
        let there = || names.there.iter().cloned().collect();
        for field in FIELDS {
            if let Some(name) = fields.renamed(field).filter(|name| !names.there.contains(*name)) {
                let (field, name) = (field.to_owned(), name.to_owned());
                return Err(LegacyError::NoArray { field, name, there: there() });
            }
        }
        let missing: Vec<String> = NEEDED
            .iter()
            .filter(|field| names.of(field).is_none())
            .map(|field| (*field).to_owned())
            .collect();
        if missing.is_empty() { Ok(names) } else { Err(LegacyError::Lacks { missing, there: there() }) }
    }

    /// Their name of a field; `None` where they have none.
    fn of<'b>(&'b self, field: &'b str) -> Option<&'b str> {
        let theirs = THEIR_NAMES.iter().find(|(ours, _)| *ours == field).map(|(_, theirs)| *theirs);
        let usual = || [Some(field), theirs].into_iter().flatten().find(|name| self.there.contains(*name));
        self.fields.renamed(field).or_else(usual)
    }
}

impl fmt::Display for LegacySummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.import.fmt(f)?;
        if self.left_out.is_empty() {
            return Ok(());
        }
        let faces: usize = self.left_out.iter().map(|photo| photo.faces).sum();
        writeln!(f, "left out   {} photos with {faces} faces (listed above)", self.left_out.len())
    }
}
