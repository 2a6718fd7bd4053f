//! What became of a face, and why: which rule left it out, or which set took it, with the figures. Pure.

use std::{fmt, path::Path};

use facesets_base::{exit::Hint, location::Location};
use facesets_people::{
    cluster::centroids,
    drops::DropReason,
    gallery::{FaceIndex, Gallery},
    matching::{Centroids, Nearest},
    quality::QualityTerms,
};
use serde::Serialize;

use crate::{
    export::corpus::Corpus,
    manifest::{ClusterManifest, DroppedFace, FaceEntry, NamedSet, RefinedManifest},
};

/// Fewest digits of a content's digest that name it.
const MIN_PREFIX: usize = 4;

/// How a person names a face.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaceName {
    /// A path, or the beginning of a digest in hexadecimal.
    photo: String,
    /// Number of the face in the photo; without it, all of them.
    number: Option<u32>,
}

/// A name that fits no face, or too many.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameError {
    /// No such photo.
    #[error("the library has no analysed photo `{0}`")]
    NoPhoto(String),
    /// Known, and counting for nothing.
    #[error("`{0}` is gone, or left out: it counts for nothing until `facesets embed` finds it again")]
    Absent(String),
    /// Digests that begin so.
    #[error("{photos} photos have a sha256 that begins with `{prefix}`")]
    Ambiguous {
        /// What was given.
        prefix: String,
        /// How many there are.
        photos: usize,
    },
    /// A photo without a face.
    #[error("no face was found in `{0}`")]
    NoFace(String),
    /// Not so many faces.
    #[error("`{path}` has {faces} faces, numbered from 0: there is no face {number}")]
    NoNumber {
        /// The photo.
        path: String,
        /// Asked for.
        number: u32,
        /// There.
        faces: usize,
    },
}

impl FaceName {
    /// `PREFIX[:NUMBER]` of a digest, or `PATH[#NUMBER]`.
    pub fn parse(text: &str) -> Self {
        let split = |separator: char| {
            let (photo, number) = text.rsplit_once(separator)?;
            Some(Self { photo: photo.to_owned(), number: Some(number.parse().ok()?) })
        };
        split('#')
            .or_else(|| split(':').filter(|name| is_prefix(&name.photo)))
            .unwrap_or_else(|| Self { photo: text.to_owned(), number: None })
    }

    /// The rows of the faces meant. Relative paths are below `folder`.
    pub fn rows(&self, gallery: &Gallery, folder: &Path) -> Result<Vec<usize>, NameError> {
        let named = Location::file(folder.join(&self.photo));
        let has_path = |content: &usize| gallery.contents[*content].locations.contains(&named);
        let mut contents: Vec<usize> = (0..gallery.contents.len()).filter(has_path).collect();
        if contents.is_empty() && is_prefix(&self.photo) {
            let prefix = self.photo.to_lowercase();
            let begins = |content: &usize| gallery.contents[*content].sha256.to_string().starts_with(&prefix);
            contents = (0..gallery.contents.len()).filter(begins).collect();
        }
        let content = match contents[..] {
            [] if self.is_absent(gallery, &named) => return Err(NameError::Absent(self.photo.clone())),
            [] => return Err(NameError::NoPhoto(self.photo.clone())),
            [content] => content,
            _ => {
                return Err(NameError::Ambiguous { prefix: self.photo.clone(), photos: contents.len() });
            }
        };
        let faces: Vec<usize> =
            (0..gallery.faces.len()).filter(|face| gallery.faces[*face].content == content).collect();
        let path = gallery.contents[content].canonical().text();
        match self.number {
            _ if faces.is_empty() => Err(NameError::NoFace(path)),
            None => Ok(faces),
            Some(number) => {
                let row = faces.iter().find(|face| gallery.faces[**face].number == number);
                row.map(|row| vec![*row]).ok_or(NameError::NoNumber { path, number, faces: faces.len() })
            }
        }
    }
}

impl FaceName {
    /// Whether the photo is known and counts for nothing.
    fn is_absent(&self, gallery: &Gallery, named: &Location) -> bool {
        let prefix = is_prefix(&self.photo).then(|| self.photo.to_lowercase());
        gallery.absent.contents.iter().any(|(sha256, locations)| {
            locations.contains(named)
                || prefix.as_ref().is_some_and(|prefix| sha256.to_string().starts_with(prefix))
        })
    }
}

/// Whether a text may be the beginning of a digest.
fn is_prefix(text: &str) -> bool {
    text.len() >= MIN_PREFIX && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// What an output folder made of a face.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// A set took it.
    Taken {
        /// The set.
        set: String,
        /// File of its crop, where it was exported.
        file: Option<String>,
        /// Cosine distance to the set's centroid.
        distance: f32,
        /// The nearest other set and the distance to its centroid.
        next: Option<(String, f32)>,
    },
    /// It is alone in its cluster.
    Alone {
        /// The nearest set and the distance to its centroid.
        nearest: Option<(String, f32)>,
    },
    /// A rule left it out.
    LeftOut {
        /// The set that it would have been in, where that is known.
        set: Option<String>,
        /// The rule and its figures.
        reason: DropReason,
        /// The nearest set and the distance to its centroid.
        nearest: Option<(String, f32)>,
    },
    /// It came after the folder was written, or never passed what came before.
    Unknown {
        /// The nearest set and the distance to its centroid.
        nearest: Option<(String, f32)>,
    },
}

/// What was measured of a face.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Number in its photo.
    pub number: u32,
    /// x1, y1, x2, y2 in pixels of the upright photo.
    pub bbox: [f32; 4],
    /// Short side of the box in pixels.
    pub short_side: f32,
    /// Detector confidence.
    pub det_score: f32,
    /// Degrees by which it is turned in the photo, in (−180, 180]; `None` where its points say nothing.
    pub roll: Option<f32>,
    /// Variance of the Laplacian.
    pub blur: f32,
    /// Length of the recogniser's raw output.
    pub norm: f32,
    /// Terms of the composite quality.
    pub quality: QualityTerms,
    /// The composite quality.
    pub composite: f32,
}

impl Measured {
    /// The figures of a face.
    pub fn of(gallery: &Gallery, row: usize) -> Self {
        let face = &gallery.faces[row];
        let quality = QualityTerms::of(face);
        Self {
            number: face.number,
            bbox: face.bbox.corners(),
            short_side: face.bbox.short_side(),
            det_score: face.det_score,
            roll: face.roll,
            blur: face.blur,
            norm: face.norm,
            composite: quality.composite(),
            quality,
        }
    }
}

/// Named sets of faces with their centroids.
struct Sets {
    names: Vec<String>,
    rows: Vec<Vec<usize>>,
}

impl Sets {
    fn new<'a>(index: &FaceIndex, sets: impl Iterator<Item = &'a NamedSet>) -> Self {
        let row = |face: &FaceEntry| index.row(&face.sha256, face.bbox);
        let (names, rows) =
            sets.map(|set| (set.name.clone(), set.faces.iter().filter_map(row).collect())).unzip();
        Self { names, rows }
    }

    /// Sets by their distance from a face, nearest first.
    fn nearest(&self, gallery: &Gallery, face: usize) -> Vec<Nearest> {
        // No cosine distance is above 2.
        let mut near = Centroids::of(gallery, &self.rows).within(gallery, &[face], 2.1).swap_remove(0);
        near.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        near
    }

    fn taken(&self, gallery: &Gallery, face: usize) -> Option<Verdict> {
        let own = self.rows.iter().position(|rows| rows.contains(&face))?;
        let centroid = centroids(&gallery.embeddings, &self.rows[own..=own]);
        let distance = 1.0 - gallery.embedding(face).dot(&centroid.row(0));
        let next = self.nearest(gallery, face).into_iter().find(|near| near.set != own);
        Some(Verdict::Taken {
            set: self.names[own].clone(),
            file: None,
            distance,
            next: next.map(|near| (self.names[near.set].clone(), near.distance)),
        })
    }

    fn first(&self, gallery: &Gallery, face: usize) -> Option<(String, f32)> {
        let near = self.nearest(gallery, face).into_iter().next()?;
        Some((self.names[near.set].clone(), near.distance))
    }
}

/// What `cluster` made of a face.
pub fn in_clusters(gallery: &Gallery, index: &FaceIndex, manifest: &ClusterManifest, face: usize) -> Verdict {
    let sets = Sets::new(index, manifest.persons.iter());
    sets.taken(gallery, face).unwrap_or_else(|| {
        let nearest = sets.first(gallery, face);
        let is_it = |entry: &FaceEntry| index.row(&entry.sha256, entry.bbox) == Some(face);
        if manifest.singletons.iter().any(is_it) {
            Verdict::Alone { nearest }
        } else {
            Verdict::Unknown { nearest }
        }
    })
}

/// What `refine` made of a face.
pub fn in_refined(gallery: &Gallery, index: &FaceIndex, manifest: &RefinedManifest, face: usize) -> Verdict {
    let sets = Sets::new(index, manifest.facesets.iter());
    sets.taken(gallery, face).unwrap_or_else(|| {
        let nearest = sets.first(gallery, face);
        match reason(index, &manifest.dropped, face) {
            Some(reason) => Verdict::LeftOut { set: None, reason, nearest },
            None => Verdict::Unknown { nearest },
        }
    })
}

/// What the corpus has of a face; a face may be in several sets, where folders that a person sorted say so.
pub fn in_corpus(gallery: &Gallery, index: &FaceIndex, corpus: &Corpus, face: usize) -> Vec<Verdict> {
    let names = corpus.all().map(|set| set.name.clone()).collect();
    let sets = Sets { names, rows: corpus.all().map(|set| set.rows(index)).collect() };
    let mut verdicts = Vec::new();
    for (at, set) in corpus.all().enumerate() {
        let crop = set.faces.iter().find(|crop| index.row(&crop.sha256, crop.bbox) == Some(face));
        if let Some(crop) = crop {
            let one = Sets { names: vec![set.name.clone()], rows: vec![sets.rows[at].clone()] };
            if let Some(Verdict::Taken { set, distance, .. }) = one.taken(gallery, face) {
                let next = sets.nearest(gallery, face).into_iter().find(|near| near.set != at);
                let next = next.map(|near| (sets.names[near.set].clone(), near.distance));
                verdicts.push(Verdict::Taken { set, file: Some(crop.file.clone()), distance, next });
            }
        }
        if let Some(reason) = reason(index, &set.dropped, face) {
            verdicts.push(Verdict::LeftOut { set: Some(set.name.clone()), reason, nearest: None });
        }
    }
    for gap in &corpus.manifest.gaps {
        if let Some(reason) = reason(index, &gap.dropped, face) {
            verdicts.push(Verdict::LeftOut { set: Some(gap.name.clone()), reason, nearest: None });
        }
    }
    if verdicts.is_empty() {
        verdicts.push(Verdict::Unknown { nearest: sets.first(gallery, face) });
    }
    verdicts
}

fn reason(index: &FaceIndex, dropped: &[DroppedFace], face: usize) -> Option<DropReason> {
    let drop = dropped.iter().find(|drop| index.row(&drop.face.sha256, drop.face.bbox) == Some(face))?;
    Some(drop.reason.clone())
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let other = |f: &mut fmt::Formatter<'_>, what: &str, nearest: &Option<(String, f32)>| match nearest {
            Some((name, distance)) => write!(f, "; {what} {name} at {distance:.3}"),
            None => Ok(()),
        };
        match self {
            Self::Taken { set, file, distance, next } => {
                write!(f, "{set}")?;
                if let Some(file) = file {
                    write!(f, " as {file}")?;
                }
                write!(f, ", cosine distance {distance:.3} to its centroid")?;
                other(f, "next is", next)
            }
            Self::Alone { nearest } => {
                write!(f, "alone in its cluster")?;
                other(f, "nearest is", nearest)
            }
            Self::LeftOut { set, reason, nearest } => {
                write!(f, "left out")?;
                if let Some(set) = set {
                    write!(f, " of {set}")?;
                }
                write!(f, ": {reason}")?;
                other(f, "nearest is", nearest)
            }
            Self::Unknown { nearest } => {
                write!(f, "not in it")?;
                other(f, "nearest is", nearest)
            }
        }
    }
}

impl Hint for NameError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoPhoto(_) => {
                "run `facesets embed` on its folder; `facesets status` names photos that failed".to_owned()
            }
            Self::Absent(_) => "`facesets embed` on its folder finds it again, if it is there".to_owned(),
            Self::Ambiguous { .. } => "give more digits".to_owned(),
            Self::NoFace(_) | Self::NoNumber { .. } => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use facesets_people::testing::gallery_of;

    use super::*;

    #[test]
    fn a_face_is_named_by_path_or_digest_with_or_without_its_number() {
        let name = |photo: &str, number| FaceName { photo: photo.to_owned(), number };
        assert_eq!(FaceName::parse("ab12:3"), name("ab12", Some(3)));
        assert_eq!(FaceName::parse("/a/b.jpg#0"), name("/a/b.jpg", Some(0)));
        assert_eq!(FaceName::parse("/a/b#c.jpg"), name("/a/b#c.jpg", None));
        assert_eq!(FaceName::parse("/odd:7"), name("/odd:7", None), "a colon is for digests");

        let gallery = gallery_of(&[(0, 0.0), (1, 0.0)]);
        let rows = |text: &str| FaceName::parse(text).rows(&gallery, Path::new("/photos"));
        assert_eq!(rows("001.jpg"), Ok(vec![1]));
        assert_eq!(rows("/photos/000.jpg#0"), Ok(vec![0]));
        assert_eq!(rows(&gallery.contents[1].sha256.to_string()[..10]), Ok(vec![1]));
        assert!(matches!(rows("/photos/000.jpg#1"), Err(NameError::NoNumber { faces: 1, .. })));
        assert_eq!(rows("/photos/009.jpg"), Err(NameError::NoPhoto("/photos/009.jpg".to_owned())));
    }
}
