//! The sets of a folder that `cluster`, `refine` or `export-swap` wrote, and the faces that show whom each is
//! of.

use std::{collections::BTreeSet, path::Path};

use facesets_base::layout::{CLUSTERS_SCHEMA, CORPUS_SCHEMA, MANIFEST};
use facesets_library::store::Store;
use facesets_people::gallery::FaceIndex;

use crate::{
    change::{ChangeError, made},
    export::{corpus::Corpus, manifest::CorpusManifest},
    manifest::{self, ClusterManifest, ManifestError, NamedSet, RefinedManifest, highest_number},
};

/// A set of any of these folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetOf {
    /// `person_NNN` or `faceset_NNN`.
    pub name: String,
    /// Name given by people.
    pub label: Option<String>,
    /// The faces that show its person, exported or not, as rows of the gallery.
    pub person: BTreeSet<usize>,
}

/// Reads the manifests of a folder.
pub fn sets_of(root: &Path, index: &FaceIndex) -> Result<Vec<SetOf>, ManifestError> {
    let bytes = manifest::read_bytes(root)?;
    let path = root.join(MANIFEST);
    Ok(match manifest::schema_of(&bytes).unwrap_or_default().as_str() {
        CORPUS_SCHEMA => {
            let corpus = Corpus::read(root)?;
            let set = |set| (set, corpus.person(set, index));
            let sets = corpus.all().map(set);
            sets.map(|(set, person)| SetOf { name: set.name.clone(), label: set.label.clone(), person })
                .collect()
        }
        CLUSTERS_SCHEMA => named(manifest::parse::<ClusterManifest>(&path, &bytes)?.persons, index),
        _ => named(manifest::parse::<RefinedManifest>(&path, &bytes)?.facesets, index),
    })
}

fn named(sets: Vec<NamedSet>, index: &FaceIndex) -> Vec<SetOf> {
    let set = |NamedSet { name, faces }: NamedSet| {
        let person = faces.iter().filter_map(|face| index.row(&face.sha256, face.bbox)).collect();
        SetOf { name, label: None, person }
    };
    sets.into_iter().map(set).collect()
}

/// The highest number of a faceset that anything says is taken: the decisions that stand, and the manifests
/// of all folders that they changed, as far as these can be read. A number that one folder has is given to
/// nobody else in another.
pub fn highest_faceset(store: &Store) -> Result<usize, ChangeError> {
    let made = made(store)?;
    let by_name = highest_number("faceset", made.names.iter().map(String::as_str));
    let in_folders = made.roots.iter().map(|root| {
        let corpus = manifest::read::<CorpusManifest>(root);
        let corpus = corpus.map(|corpus| highest_number("faceset", corpus.names()));
        let refined = || manifest::read::<RefinedManifest>(root).map(|refined| refined.highest());
        corpus.or_else(|_| refined()).unwrap_or(0)
    });
    Ok(in_folders.max().unwrap_or(0).max(by_name))
}

/// The highest number of a faceset that a name in a folder has, whether a manifest knows of it or not: what
/// lies there is somebody's.
pub fn highest_in(root: &Path) -> usize {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    highest_number("faceset", names.iter().map(String::as_str))
}
