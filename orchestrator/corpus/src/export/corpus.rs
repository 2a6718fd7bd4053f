//! A corpus as a whole: what `export-swap` writes and others read back and add to.

use std::{collections::BTreeSet, fs, path::Path};

use facesets_base::layout::{PAGE, THIN};
use facesets_people::gallery::FaceIndex;

use super::{
    contact_sheet,
    manifest::{CorpusManifest, ExportedFace, FacesetManifest},
    succession::EarlierSet,
};
use crate::manifest::{self, ManifestError, set_name, set_number};

/// The manifests of a corpus.
#[derive(Debug)]
pub struct Corpus {
    /// The one over all.
    pub manifest: CorpusManifest,
    /// Those of its sets, in the same order.
    pub sets: Vec<FacesetManifest>,
    /// Those of its eras with too few photos, in the same order.
    pub thin: Vec<FacesetManifest>,
}

impl Corpus {
    /// Reads all manifests.
    pub fn read(root: &Path) -> Result<Self, ManifestError> {
        let manifest: CorpusManifest = manifest::read(root)?;
        let sets = manifest.facesets.iter().map(|set| manifest::read(&root.join(&set.name)));
        let sets = sets.collect::<Result<_, _>>()?;
        let thin = manifest.thin().map(|set| manifest::read(&root.join(THIN).join(&set.name)));
        let thin = thin.collect::<Result<_, _>>()?;
        Ok(Self { manifest, sets, thin })
    }

    /// Writes what lies over the sets, which have written their own: the manifest over all, and the contact
    /// sheet.
    pub fn write(&self, root: &Path) -> Result<(), ManifestError> {
        let page = root.join(PAGE);
        fs::write(&page, contact_sheet::page(&self.manifest, &self.sets))
            .map_err(|source| ManifestError::Io { path: page, source })?;
        manifest::write(root, &self.manifest)
    }

    /// Every set with its crops, wherever it lies.
    pub fn all(&self) -> impl Iterator<Item = &FacesetManifest> {
        self.sets.iter().chain(&self.thin)
    }

    /// The faces that show the person of one of its sets, exported or not; of an era, those of the whole set
    /// too.
    pub fn person(&self, set: &FacesetManifest, index: &FaceIndex) -> BTreeSet<usize> {
        let whole = self.all().find(|whole| Some(&whole.name) == set.parent.as_ref());
        [Some(set), whole].into_iter().flatten().flat_map(|set| set.person(index)).collect()
    }

    /// Sets that stand for a person: not those of an era of one.
    pub fn canonical(&self) -> impl Iterator<Item = &FacesetManifest> {
        let is_whole = |name: &str| {
            set_number("faceset", name).is_some_and(|number| set_name("faceset", number) == name)
        };
        self.sets.iter().filter(move |set| is_whole(&set.name))
    }
}

/// What stands for a person in the corpus at `root`, whose manifest this is: every set but eras, which are
/// made of sets.
///
/// Whose own manifest cannot be read, of that no faces are known. Sets in quarantine have none that another
/// set could be told by.
pub fn people(root: &Path, manifest: &CorpusManifest, index: &FaceIndex) -> Vec<EarlierSet> {
    let in_use = manifest.facesets.iter().filter(|set| set.parent.is_none()).map(|summary| {
        let set: Option<FacesetManifest> = manifest::read(&root.join(&summary.name)).ok();
        EarlierSet {
            name: summary.name.clone(),
            label: summary.label.clone(),
            origin: set.as_ref().map(|set| set.origin.kind),
            person: set.as_ref().map(|set| set.person(index)),
        }
    });
    let aside = manifest.aside.lists().into_iter().flat_map(|(_, sets)| sets);
    let aside = aside.filter(|set| set.present && set.summary.is_none()).map(|set| EarlierSet {
        name: set.name.clone(),
        label: set.label.clone(),
        origin: None,
        person: Some(BTreeSet::new()),
    });
    in_use.chain(aside).collect()
}

impl FacesetManifest {
    /// The rows of the faces that show its person, exported or not.
    pub fn person(&self, index: &FaceIndex) -> BTreeSet<usize> {
        let left_out = self.dropped.iter().filter(|drop| !drop.reason.speaks_against_person());
        let left_out = left_out.filter_map(|drop| index.row(&drop.face.sha256, drop.face.bbox));
        left_out.chain(self.rows(index)).collect()
    }

    /// The rows of its faces in the gallery, ascending.
    pub fn rows(&self, index: &FaceIndex) -> Vec<usize> {
        let row = |face: &ExportedFace| index.row(&face.sha256, face.bbox);
        let mut rows: Vec<usize> = self.faces.iter().filter_map(row).collect();
        rows.sort_unstable();
        rows
    }
}
