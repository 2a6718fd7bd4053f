//! What a change swaps, as it stands in the journal.

use std::path::{Path, PathBuf};

use facesets_base::layout::{INTENT_SCHEMA, KEPT};
use serde::{Deserialize, Serialize};

use super::{ChangeError, FaceDrop};

/// What a change swaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    schema: String,
    /// The command that made it, for people.
    pub command: String,
    /// The folders that it changes.
    pub roots: Vec<RootIntent>,
    /// Faces that no set is to have again, for as long as the decision stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drops: Vec<FaceDrop>,
}

/// What a change swaps in one folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootIntent {
    /// Absolute path of the folder.
    pub root: PathBuf,
    /// Whether it was not there before: then it may be missing because it never came to be.
    #[serde(default)]
    pub made: bool,
    /// In the order of swapping; the manifest last.
    pub entries: Vec<Entry>,
}

/// A file or folder in a root, or in a folder of quarantined sets there; at least one of `old` and `new` is
/// there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name, for example `faceset_001` or `_thin/faceset_001_2009`.
    pub name: String,
    /// Fingerprint of what is replaced; `None` where nothing was.
    pub old: Option<String>,
    /// Fingerprint of what takes its place; `None` where nothing does.
    pub new: Option<String>,
}

impl Intent {
    /// An intent that swaps nothing yet.
    pub fn new(command: &str, roots: &[PathBuf]) -> Self {
        let root =
            |root: &PathBuf| RootIntent { root: root.clone(), made: !root.exists(), entries: Vec::new() };
        let roots = roots.iter().map(root).collect();
        Self { schema: INTENT_SCHEMA.to_owned(), command: command.to_owned(), roots, drops: Vec::new() }
    }

    /// For the journal.
    pub(super) fn to_json(&self) -> Result<String, ChangeError> {
        for root in &self.roots {
            if root.root.to_str().is_none() {
                return Err(ChangeError::NotUtf8(root.root.clone()));
            }
        }
        serde_json::to_string(self).map_err(|error| ChangeError::Journal(error.to_string()))
    }

    /// From the journal.
    pub(super) fn from_json(text: &str) -> Result<Self, ChangeError> {
        let intent: Self =
            serde_json::from_str(text).map_err(|error| ChangeError::Journal(error.to_string()))?;
        if intent.schema == INTENT_SCHEMA {
            Ok(intent)
        } else {
            Err(ChangeError::Journal(format!("its schema is `{}`", intent.schema)))
        }
    }

    /// Everything that is swapped, in order.
    pub(super) fn entries(&self) -> impl DoubleEndedIterator<Item = (&Path, &Entry)> {
        self.roots.iter().flat_map(|root| root.entries.iter().map(move |entry| (root.root.as_path(), entry)))
    }
}

/// Where a decision keeps its files within a root.
pub(super) fn folder(root: &Path, id: i64) -> PathBuf {
    root.join(KEPT).join(id.to_string())
}
