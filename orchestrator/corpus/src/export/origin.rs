//! How a set came about, as manifests tell it.

use serde::{Deserialize, Serialize};

/// How an identity came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Who says that these faces are one person's.
    pub kind: OriginKind,
    /// Number of the run that added it, 0 for the export itself.
    pub run: usize,
}

/// Who says that faces are one person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OriginKind {
    /// `refine`.
    Auto,
    /// The user, by sorting photos into folders.
    HandSorted,
    /// `discover`.
    Discovered,
}
