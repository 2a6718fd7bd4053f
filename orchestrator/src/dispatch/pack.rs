//! Which of a worker's model packs is meant.

use facesets_core::{
    FaceContract,
    wire::{AnalyzeFaces, WorkerDescription},
};

use crate::exit::Hint;

/// Why a worker's packs do not do.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PackError {
    /// It has none.
    #[error("the worker has no model pack loaded")]
    None,
    /// It has several.
    #[error("the worker has several model packs: {}", names(.0))]
    Several(Vec<String>),
    /// It has others.
    #[error("the worker has no model pack `{wanted}`, only {}", names(.present))]
    Unknown {
        /// Asked for.
        wanted: String,
        /// There.
        present: Vec<String>,
    },
    /// Others came first.
    #[error(
        "its model pack `{pack}` makes embeddings of contract `{contract}`, the worker {first} those of `{wanted}`, and they never mix"
    )]
    OtherModels {
        /// Its pack.
        pack: String,
        /// Its contract.
        contract: Box<FaceContract>,
        /// Who came first, and decides.
        first: String,
        /// The contract of whoever came first.
        wanted: Box<FaceContract>,
    },
    /// It has not all that it needs.
    #[error("the model pack `{0}` lacks a detector or a recogniser")]
    Incomplete(String),
}

impl Hint for PackError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Several(_) | Self::Unknown { .. } => "choose one of them with `--pack`",
            Self::OtherModels { .. } => {
                "give all workers the same model pack, name one that all have with `--pack`, or run one `embed` for each"
            }
            Self::None | Self::Incomplete(_) => {
                "give the worker a complete pack: see `facesets-worker models --help`"
            }
        };
        Some(text.to_owned())
    }
}

/// The task for a worker: with the pack asked for or the only one, at a detector size.
pub fn task_for(
    worker: &WorkerDescription,
    pack: Option<&str>,
    det_size: u32,
) -> Result<AnalyzeFaces, PackError> {
    let present = || worker.packs.iter().map(|pack| pack.name.clone()).collect();
    let pack = match (pack, &worker.packs[..]) {
        (_, []) => return Err(PackError::None),
        (None, [only]) => only,
        (None, _) => return Err(PackError::Several(present())),
        (Some(wanted), packs) => packs
            .iter()
            .find(|pack| pack.name == wanted)
            .ok_or_else(|| PackError::Unknown { wanted: wanted.to_owned(), present: present() })?,
    };
    let contract = pack.face_contract(det_size).ok_or_else(|| PackError::Incomplete(pack.name.clone()))?;
    Ok(AnalyzeFaces::new(&pack.name, contract))
}

fn names(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
