//! What the manifest of a set says where it is an era of another one.

use facesets_people::gallery::{FaceIndex, Gallery};
use serde::{Deserialize, Deserializer, Serialize, de};

/// An era of a person, in the manifest of its set.
///
/// Its centroid and its dominant year are those of `founding` and never those of what has joined since: an
/// era does not drift.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Era {
    /// `2011`, `2005-10`, …: what follows the parent's name in its own.
    pub label: String,
    /// The most frequent year of `founding`; `None` where none of them has a year.
    pub dominant_year: Option<u16>,
    /// The faces that it was made from.
    #[serde(deserialize_with = "founding")]
    pub founding: Vec<Member>,
    /// Faces that have joined, in order.
    pub joined: Vec<Joined>,
}

/// A face of an era.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Digest of its photo, in hexadecimal.
    pub sha256: String,
    /// x1, y1, x2, y2 in pixels of the upright photo.
    pub bbox: [f32; 4],
    /// Capture year of its photo when it became a member.
    pub year: Option<u16>,
}

/// A face that has joined an era.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Joined {
    /// The face.
    #[serde(flatten)]
    pub face: Member,
    /// How it came.
    pub by: JoinedBy,
    /// Cosine distance of what joined, the face or the centroid of its fragment, to the centroid of
    /// `founding`.
    pub distance: f32,
}

/// How a face came to an era.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JoinedBy {
    /// With its fragment, when the parent was split.
    Fragment,
    /// By itself, later.
    Extend,
}

/// Founding members from a manifest or a plan: nothing can be measured from none.
fn founding<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Member>, D::Error> {
    let members = Vec::deserialize(from)?;
    if members.is_empty() { Err(de::Error::custom("an era has no founding member")) } else { Ok(members) }
}

impl Member {
    /// The member that a face (row of the gallery) becomes.
    pub fn new(gallery: &Gallery, face: usize, year: Option<u16>) -> Self {
        let sha256 = gallery.content_of(face).sha256.to_string();
        Self { sha256, bbox: gallery.faces[face].bbox.corners(), year }
    }

    /// Its row in the gallery.
    pub fn row(&self, index: &FaceIndex) -> Option<usize> {
        index.row(&self.sha256, self.bbox)
    }
}

impl Era {
    /// Years of the founding members, without those that have none.
    pub fn founding_years(&self) -> Vec<u16> {
        self.founding.iter().filter_map(|member| member.year).collect()
    }

    /// All members, the founding ones first.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.founding.iter().chain(self.joined.iter().map(|joined| &joined.face))
    }
}
