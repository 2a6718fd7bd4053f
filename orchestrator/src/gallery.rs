//! The faces of a library as the algorithms see them: one record and one matrix row a face, no store, no files.

use std::path::{Path, PathBuf};

use facesets_core::{BBox, Pose, Sha256Digest};
use ndarray::{Array2, ArrayView1};

/// Every face under one contract, with the contents they were found in.
///
/// Faces are sorted by (canonical path of their content, number within the content), so that whatever is derived in this order
/// is the same however the library was filled.
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
}

/// A photo, wherever it lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// Its name.
    pub sha256: Sha256Digest,
    /// Where it lies, in byte order; the first one is canonical, the others are its aliases. Never empty.
    pub paths: Vec<PathBuf>,
    /// Width of the upright image in pixels.
    pub width: u32,
    /// Height of the upright image in pixels.
    pub height: u32,
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
    /// Head pose from the 68 points; `None` where they span nothing.
    pub pose: Option<Pose>,
}

impl Content {
    /// The path under which the content is known.
    pub fn canonical_path(&self) -> &Path {
        &self.paths[0]
    }

    /// The other places where the same bytes lie.
    pub fn aliases(&self) -> &[PathBuf] {
        &self.paths[1..]
    }
}

impl Gallery {
    /// The photo of a face.
    pub fn content_of(&self, face: usize) -> &Content {
        &self.contents[self.faces[face].content]
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
