//! One person over many years: what the passes on eras have in common.

pub(crate) mod extend;
pub(crate) mod page;
pub(crate) mod probe;
mod scene;
pub(crate) mod split;

use std::path::PathBuf;

use facesets_base::exit::Hint;
use facesets_corpus::era::{Eras, JoinParameters, SurveyParameters, Verdict};
use serde::Serialize;

use super::planning::BundlePlanOptions;

/// Which set, and where its faces come from.
#[derive(Debug, Clone)]
pub(crate) struct SubjectOptions {
    /// The set: `faceset_NNN`, or its label.
    pub(crate) set: String,
    /// Folder that `export-swap` wrote.
    pub(crate) corpus: PathBuf,
    /// Folders in which more faces of the set are looked for; the deepest one that holds all photos of the
    /// set where none is named.
    pub(crate) roots: Vec<PathBuf>,
    /// Thresholds and gates.
    pub(crate) survey: SurveyParameters,
}

/// Whose eras, what may join them, what is done about it.
#[derive(Debug, Clone)]
pub(crate) struct ErasOptions {
    /// Which set.
    pub(crate) subject: SubjectOptions,
    /// What may join.
    pub(crate) join: JoinParameters,
    /// Whether to do it.
    pub(crate) plan: BundlePlanOptions,
    /// The page.
    pub(crate) page: page::PageOptions,
}

/// Why a set has no eras, or cannot get any.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EraError {
    #[error("there is no set `{set}` in `{corpus}`")]
    NoSet { set: String, corpus: PathBuf },
    #[error("`{set}` is the label of {count} sets")]
    Ambiguous { set: String, count: usize },
    #[error("`{0}` is an era itself")]
    IsEra(String),
    #[error("no face of `{0}` is in this library")]
    NoFaces(String),
    #[error("`{set}` has {count} eras already")]
    IsSplit { set: String, count: usize },
    #[error("`{0}` has no eras that anything could join")]
    NotSplit(String),
    #[error("no sub-cluster of `{set}` has {min_anchor} photos or more: the largest has {largest}")]
    NoAnchor { set: String, min_anchor: usize, largest: usize },
    #[error("`{set}` is {verdict}")]
    NotSortable { set: String, verdict: Verdict },
}

impl Hint for EraError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoSet { .. } => "`manifest.json` in the corpus lists its sets and labels".to_owned(),
            Self::Ambiguous { .. } => "name it by its number, as in `faceset_001`".to_owned(),
            Self::IsEra(_) => "name the set that it is an era of".to_owned(),
            Self::NoFaces(_) => "name the `--library` that the corpus was made from".to_owned(),
            Self::IsSplit { .. } => "`facesets era extend` adds new faces to them; `--replace` splits anew, \
                                     and `facesets undo` takes that back"
                .to_owned(),
            Self::NotSplit(_) => "run `facesets era split` first".to_owned(),
            Self::NotSortable { .. } => {
                "`facesets era probe` has the figures; `--anyway` splits all the same".to_owned()
            }
            Self::NoAnchor { .. } => {
                "look at the figures of `facesets era probe`, then choose another `--min-anchor` or \
                 `--sub-threshold`"
                    .to_owned()
            }
        })
    }
}

/// A face that a person may have to look after: most often, one whose photo has no year.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    pub(crate) path: String,
    pub(crate) sha256: String,
    pub(crate) bbox: [f32; 4],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) year: Option<u16>,
    /// The era that is nearest, and the cosine distance to its centroid.
    pub(crate) nearest: Option<(String, f32)>,
}

impl Listed {
    pub(crate) fn new(eras: &Eras<'_>, face: usize, nearest: Option<(String, f32)>) -> Self {
        let content = eras.view.gallery.content_of(face);
        Self {
            path: content.canonical().text(),
            sha256: content.sha256.to_string(),
            bbox: eras.view.gallery.faces[face].bbox.corners(),
            year: eras.years.of(face),
            nearest,
        }
    }
}
