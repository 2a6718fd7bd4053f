//! Folders of photos, as `cluster` and `refine` write them: what is in which, and what changes.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use facesets_base::{
    layout::{NOFACE, SINGLETONS},
    location::Location,
};
use facesets_core::Sha256Digest;
use facesets_people::gallery::{Content, Gallery};

use crate::{
    manifest::{ClusterManifest, FaceEntry, NamedSet, RefinedManifest},
    placement::{Earlier, flat_name},
};

/// A folder and the photos in it, a photo at every place where it lies: (path, digest).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folder<'a> {
    pub(super) name: &'a str,
    photos: BTreeSet<(&'a str, &'a str)>,
}

/// Contents by their digests in hexadecimal.
pub(super) type ContentIndex = HashMap<String, usize>;

/// An index of a gallery's contents.
pub(super) fn content_index(gallery: &Gallery) -> ContentIndex {
    gallery.contents.iter().zip(0..).map(|(content, at)| (content.sha256.to_string(), at)).collect()
}

/// The folders of a clustering.
pub(super) fn of_clusters(manifest: &ClusterManifest) -> Vec<Folder<'_>> {
    let mut folders = of_sets(&manifest.persons);
    folders.push(Folder { name: SINGLETONS, photos: photos(&manifest.singletons) });
    let noface = manifest.noface.iter().map(|entry| (entry.path.as_str(), entry.sha256.as_str()));
    folders.push(Folder { name: NOFACE, photos: noface.collect() });
    folders
}

/// The folders of refined sets.
pub(super) fn of_refined(manifest: &RefinedManifest) -> Vec<Folder<'_>> {
    of_sets(&manifest.facesets)
}

fn of_sets(sets: &[NamedSet]) -> Vec<Folder<'_>> {
    sets.iter().map(|set| Folder { name: &set.name, photos: photos(&set.faces) }).collect()
}

fn photos(entries: &[FaceEntry]) -> BTreeSet<(&str, &str)> {
    entries.iter().map(|entry| (entry.path.as_str(), entry.sha256.as_str())).collect()
}

impl Folder<'_> {
    /// Whether there is nothing to put in it.
    pub(super) fn is_empty(&self) -> bool {
        self.photos.is_empty()
    }

    /// Its photos in the gallery's order.
    pub(super) fn contents<'g>(&self, gallery: &'g Gallery, index: &ContentIndex) -> Vec<&'g Content> {
        let wanted: BTreeSet<usize> =
            self.photos.iter().filter_map(|(_, sha256)| index.get(*sha256)).copied().collect();
        wanted.into_iter().map(|content| &gallery.contents[content]).collect()
    }
}

/// The files that are in some folders of `root`, to be used again.
pub(super) fn earlier(root: &Path, folders: &[Folder<'_>]) -> Earlier {
    let mut files = HashMap::new();
    for folder in folders {
        for (path, sha256) in &folder.photos {
            if let Ok(digest) = sha256.parse::<Sha256Digest>() {
                let path = PathBuf::from(path);
                let file = root.join(folder.name).join(flat_name(&path));
                files.insert((Location::file(path), digest), file);
            }
        }
    }
    files
}
