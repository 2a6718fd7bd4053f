//! The manifests of `cluster` and `refine`: what a folder holds, for people and for scripts.
//!
//! Paths are strings. One that is not UTF-8 appears with replacement characters, and its bytes stand in
//! `non_utf8_paths`.

mod names;

use std::{fs, io, path::Path};

use facesets_base::{
    exit::Hint,
    file,
    layout::{CLUSTERS_SCHEMA, CORPUS_SCHEMA, FACESET_SCHEMA, MANIFEST, REFINED_SCHEMA},
    location::Location,
};
use facesets_people::{
    drops::{Drop, DropReason},
    gallery::{Content, Gallery},
    refine::RefineParameters,
    threshold::CosineDistance,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use names::{NameError, check_inside, check_name, check_path, check_sets};

use crate::placement::Placement;

/// Highest number that a set can have. Whatever says a higher one means something else by it, or nothing
/// good: nobody has so many people, and one more must still be a number.
pub const MAX_NUMBER: usize = 999_999_999;

/// A face at one place where its photo lies; each alias has an entry of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaceEntry {
    /// Absolute path of the photo.
    pub path: String,
    /// Digest of the photo, in hexadecimal.
    pub sha256: String,
    /// x1, y1, x2, y2 in pixels of the upright image.
    pub bbox: [f32; 4],
    /// Detector confidence.
    pub det_score: f32,
}

/// A photo without a face, at one place where it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoEntry {
    /// Absolute path of the photo.
    pub path: String,
    /// Digest of the photo, in hexadecimal.
    pub sha256: String,
}

/// A path that is not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonUtf8Path {
    /// As it appears in the manifest.
    pub path: String,
    /// Its bytes: ASCII as it is, `\` doubled, others as `\xNN`.
    pub escaped: String,
}

/// A named group of faces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedSet {
    /// `person_NNN` or `faceset_NNN`.
    pub name: String,
    /// Its faces, aliases included.
    pub faces: Vec<FaceEntry>,
}

/// `manifest.json` of `cluster`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterManifest {
    /// [`CLUSTERS_SCHEMA`].
    pub schema: String,
    /// Contract of the embeddings.
    pub contract: String,
    /// Where the dendrogram was cut.
    pub threshold: CosineDistance,
    /// How photos got into the folders.
    #[serde(default)]
    pub materialize: Placement,
    /// Clusters of at least two faces, largest first.
    pub persons: Vec<NamedSet>,
    /// Faces alone in their cluster.
    pub singletons: Vec<FaceEntry>,
    /// Photos without a face.
    pub noface: Vec<PhotoEntry>,
    /// Paths that are not UTF-8.
    pub non_utf8_paths: Vec<NonUtf8Path>,
}

/// `manifest.json` of `refine`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefinedManifest {
    /// [`REFINED_SCHEMA`].
    pub schema: String,
    /// Contract of the embeddings.
    pub contract: String,
    /// What it was made with.
    pub parameters: RefineParameters,
    /// How photos got into the folders.
    #[serde(default)]
    pub materialize: Placement,
    /// By number; where none of them was there before, largest first.
    pub facesets: Vec<NamedSet>,
    /// The highest number that any faceset of this folder ever had, 0 if that is not known: lower ones are
    /// not given to anybody new.
    #[serde(default)]
    pub highest_number: usize,
    /// Faces that are in no faceset.
    pub dropped: Vec<DroppedFace>,
    /// Paths that are not UTF-8.
    pub non_utf8_paths: Vec<NonUtf8Path>,
}

/// A face that was left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DroppedFace {
    /// Canonical path of its photo and so on.
    #[serde(flatten)]
    pub face: FaceEntry,
    /// Why, with the figures.
    pub reason: DropReason,
}

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Cannot be read or written.
    #[error("cannot access `{path}`: {source}")]
    Io {
        /// The manifest.
        path: std::path::PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not what it should be.
    #[error("`{path}` is not a `{expected}` manifest: {reason}")]
    Invalid {
        /// The manifest.
        path: std::path::PathBuf,
        /// Schema that was wanted.
        expected: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// Program and version.
pub fn made_by() -> String {
    format!("facesets {}", env!("CARGO_PKG_VERSION"))
}

/// A face once for each place where its photo lies, the canonical one first.
pub fn face_entries(gallery: &Gallery, face: usize) -> impl Iterator<Item = FaceEntry> {
    let (record, content) = (&gallery.faces[face], gallery.content_of(face));
    content.locations.iter().map(|location| FaceEntry {
        path: location.text(),
        sha256: content.sha256.to_string(),
        bbox: record.bbox.corners(),
        det_score: record.det_score,
    })
}

/// Every place of the photos without a face.
pub fn photo_entries(gallery: &Gallery) -> Vec<PhotoEntry> {
    let entries = |content: &Content| -> Vec<PhotoEntry> {
        let sha256 = content.sha256.to_string();
        let entry = |location: &Location| PhotoEntry { path: location.text(), sha256: sha256.clone() };
        content.locations.iter().map(entry).collect()
    };
    gallery.contents_without_face().flat_map(entries).collect()
}

/// Groups under the names `{prefix}_001`, `{prefix}_002`, …
pub fn named_sets(gallery: &Gallery, groups: &[Vec<usize>], prefix: &str) -> Vec<NamedSet> {
    let named = |(group, number): (&Vec<usize>, usize)| named_set(gallery, set_name(prefix, number), group);
    groups.iter().zip(1..).map(named).collect()
}

impl RefinedManifest {
    /// The highest number that is taken.
    pub fn highest(&self) -> usize {
        highest_number("faceset", self.facesets.iter().map(|set| set.name.as_str())).max(self.highest_number)
    }
}

/// A group under a name.
pub fn named_set(gallery: &Gallery, name: String, group: &[usize]) -> NamedSet {
    NamedSet { name, faces: group.iter().flat_map(|face| face_entries(gallery, *face)).collect() }
}

/// The number in `{prefix}_{number}`, also where something follows it, as in `faceset_001_2005-10`; at most
/// [`MAX_NUMBER`].
pub fn set_number(prefix: &str, name: &str) -> Option<usize> {
    let rest = name.strip_prefix(prefix)?.strip_prefix('_')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
    digits.parse().ok().filter(|number| *number <= MAX_NUMBER)
}

/// The highest number in some names, 0 where there is none.
pub fn highest_number<'a>(prefix: &str, names: impl IntoIterator<Item = &'a str>) -> usize {
    names.into_iter().filter_map(|name| set_number(prefix, name)).max().unwrap_or(0)
}

/// `{prefix}_{number}` with at least three digits.
pub fn set_name(prefix: &str, number: usize) -> String {
    format!("{prefix}_{number:03}")
}

/// Dropped faces by the canonical path of their photos.
pub fn dropped_faces(gallery: &Gallery, dropped: &[Drop]) -> Vec<DroppedFace> {
    dropped
        .iter()
        .filter_map(|drop| {
            let face = face_entries(gallery, drop.face).next()?;
            Some(DroppedFace { face, reason: drop.reason.clone() })
        })
        .collect()
}

/// Every path of the gallery that is not UTF-8.
pub fn non_utf8_paths(gallery: &Gallery) -> Vec<NonUtf8Path> {
    let escaped = |location: &Location| location.bytes().escape_ascii().to_string();
    let locations = gallery.contents.iter().flat_map(|content| &content.locations);
    locations
        .filter(|location| std::str::from_utf8(location.bytes()).is_err())
        .map(|location| NonUtf8Path { path: location.text(), escaped: escaped(location) })
        .collect()
}

/// Writes `manifest.json` into a folder that is under construction.
pub fn write(folder: &Path, manifest: &impl Serialize) -> Result<(), ManifestError> {
    let path = folder.join(MANIFEST);
    let written = bytes(manifest).and_then(|bytes| fs::write(&path, bytes));
    written.map_err(|source| ManifestError::Io { path, source })
}

/// The bytes of a manifest's file.
pub fn bytes(manifest: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(manifest)?;
    text.push(b'\n');
    Ok(text)
}

/// A manifest, by what its `schema` says.
pub trait Schema: DeserializeOwned {
    /// The schema's name.
    const SCHEMA: &'static str;

    /// Demands of every name that becomes that of a file or folder that it stays where it belongs, and of
    /// every number that it is one.
    fn names_stay_inside(&self) -> Result<(), NameError>;
}

impl Schema for ClusterManifest {
    const SCHEMA: &'static str = CLUSTERS_SCHEMA;

    fn names_stay_inside(&self) -> Result<(), NameError> {
        check_sets(self.persons.iter().map(|set| set.name.as_str()))
    }
}

impl Schema for RefinedManifest {
    const SCHEMA: &'static str = REFINED_SCHEMA;

    fn names_stay_inside(&self) -> Result<(), NameError> {
        if self.highest_number > MAX_NUMBER {
            return Err(NameError::Number(self.highest_number));
        }
        check_sets(self.facesets.iter().map(|set| set.name.as_str()))
    }
}

/// Reads the `manifest.json` of `folder`.
pub fn read<M: Schema>(folder: &Path) -> Result<M, ManifestError> {
    parse(&folder.join(MANIFEST), &read_bytes(folder)?)
}

/// Reads the `manifest.json` of `folder` if there is one and it is of this kind; one that is damaged is an
/// error.
pub fn read_if_there<M: Schema>(folder: &Path) -> Result<Option<M>, ManifestError> {
    let bytes = match read_bytes(folder) {
        Err(ManifestError::Io { source, .. })
            if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        bytes => bytes?,
    };
    match schema_of(&bytes) {
        Ok(schema) if schema == M::SCHEMA => parse(&folder.join(MANIFEST), &bytes).map(Some),
        // Of another kind, or of another program.
        _ => Ok(None),
    }
}

/// The bytes of `folder`'s `manifest.json`.
pub fn read_bytes(folder: &Path) -> Result<Vec<u8>, ManifestError> {
    let path = folder.join(MANIFEST);
    file::read(&path).map_err(|source| ManifestError::Io { path, source })
}

/// Understands the bytes of the manifest at `path`. Whatever it says may be joined to its folder.
pub fn parse<M: Schema>(path: &Path, bytes: &[u8]) -> Result<M, ManifestError> {
    let invalid =
        |reason: String| ManifestError::Invalid { path: path.to_owned(), expected: M::SCHEMA, reason };
    let schema = schema_of(bytes).map_err(&invalid)?;
    if schema != M::SCHEMA {
        return Err(invalid(format!("its schema is `{schema}`")));
    }
    let manifest: M = serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))?;
    manifest.names_stay_inside().map_err(|error| invalid(error.to_string()))?;
    Ok(manifest)
}

/// The schema that a manifest names.
pub fn schema_of(bytes: &[u8]) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Header {
        schema: String,
    }
    serde_json::from_slice::<Header>(bytes).map(|header| header.schema).map_err(|error| error.to_string())
}

impl Hint for ManifestError {
    fn hint(&self) -> Option<String> {
        let writer = match self {
            Self::Invalid { expected: CLUSTERS_SCHEMA, .. } => "`facesets cluster`",
            Self::Invalid { expected: REFINED_SCHEMA, .. } => "`facesets refine`",
            Self::Invalid { expected: CORPUS_SCHEMA | FACESET_SCHEMA, .. } => "`facesets export-swap`",
            Self::Invalid { .. } | Self::Io { .. } => "`facesets cluster`, `refine` or `export-swap`",
        };
        Some(format!("name a folder that {writer} wrote"))
    }
}

#[cfg(test)]
mod tests {
    use facesets_base::output::{OutputKind, holds_our_pictures};

    use super::*;
    use crate::export::{ExportParameters, manifest::CorpusManifest};

    #[test]
    fn a_number_of_a_set_is_one_that_another_can_follow() {
        assert_eq!(set_number("faceset", "faceset_001_2005-10"), Some(1));
        assert_eq!(set_number("faceset", "faceset_999999999"), Some(MAX_NUMBER));
        for name in ["faceset_1000000000", "faceset_18446744073709551615", "faceset_99999999999999999999"] {
            assert_eq!(set_number("faceset", name), None, "{name}");
        }
        let names = ["faceset_002", "faceset_18446744073709551615"];
        assert_eq!(highest_number("faceset", names), 2);
    }

    #[test]
    fn a_manifest_with_a_number_that_nobody_has_is_refused() {
        let mut manifest = serde_json::json!({
            "schema": REFINED_SCHEMA, "contract": "c", "parameters": RefineParameters::default(), "facesets": [],
            "highest_number": 7, "dropped": [], "non_utf8_paths": [],
        });
        let parse = |manifest: &serde_json::Value| {
            parse::<RefinedManifest>(Path::new("manifest.json"), manifest.to_string().as_bytes())
        };
        assert_eq!(parse(&manifest).unwrap().highest(), 7);
        manifest["highest_number"] = u64::MAX.into();
        let error = parse(&manifest).unwrap_err().to_string();
        assert!(error.contains("no number of a set"), "{error}");
    }

    #[test]
    fn a_manifest_that_is_written_is_known_and_another_programs_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let empty = CorpusManifest::empty("contract".to_owned(), ExportParameters::default());
        write(folder.path(), &empty).unwrap();
        assert!(OutputKind::Corpus.is(folder.path()) && !OutputKind::Refined.is(folder.path()));
        for foreign in
            ["", "{}", r#"{"name":"an app","schema":"facesets.corpus/1"}"#, r#"["facesets.corpus/1"]"#]
        {
            fs::write(folder.path().join("manifest.json"), foreign).unwrap();
            assert!(!OutputKind::Corpus.is(folder.path()) && !holds_our_pictures(folder.path()), "{foreign}");
        }
    }
}
