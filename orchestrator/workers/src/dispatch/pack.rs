//! Which of a worker's model packs is meant.

use facesets_base::exit::Hint;
use facesets_core::{
    FaceContract,
    wire::{AnalyzeFaces, CountFaces, EmbedClip, PackInfo, PackState, WorkerDescription},
};

/// Why a worker's packs do not do.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PackError {
    /// It has none.
    #[error("the worker has no model pack loaded")]
    None,
    /// None of its packs has CLIP.
    #[error("the worker has no model pack with CLIP's visual tower")]
    NoClip,
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
            Self::NoClip => "make one with scripts/export-clip, and put it beside the worker's other packs",
            Self::None | Self::Incomplete(_) => {
                "give the worker a complete pack: see `facesets-worker models --help`"
            }
        };
        Some(text.to_owned())
    }
}

/// The task for a worker: with the pack asked for, or the only one for faces that it was started with, at a
/// detector size.
pub fn task_for(
    worker: &WorkerDescription,
    pack: Option<&str>,
    det_size: u32,
) -> Result<AnalyzeFaces, PackError> {
    let present = || worker.packs.iter().map(|pack| pack.name.clone()).collect();
    let meant: Vec<&PackInfo> = worker.packs.iter().filter(|pack| pack.state == PackState::Default).collect();
    let for_faces: Vec<&PackInfo> =
        meant.iter().copied().filter(|pack| pack.face_contract(det_size).is_some()).collect();
    let pack = match (pack, &worker.packs[..]) {
        (_, []) => return Err(PackError::None),
        (None, _) => match (&for_faces[..], &meant[..]) {
            ([only], _) | ([], [only]) => only,
            _ => return Err(PackError::Several(present())),
        },
        (Some(wanted), packs) => packs
            .iter()
            .find(|pack| pack.name == wanted)
            .ok_or_else(|| PackError::Unknown { wanted: wanted.to_owned(), present: present() })?,
    };
    let contract = pack.face_contract(det_size).ok_or_else(|| PackError::Incomplete(pack.name.clone()))?;
    Ok(AnalyzeFaces::new(&pack.name, contract))
}

/// The task of counting faces at some detector sizes, with a pack that the worker has.
pub fn count_task_for(
    worker: &WorkerDescription,
    pack: &str,
    det_sizes: &[u32],
) -> Result<CountFaces, PackError> {
    let unknown = || PackError::Unknown {
        wanted: pack.to_owned(),
        present: worker.packs.iter().map(|pack| pack.name.clone()).collect(),
    };
    let meant = worker.packs.iter().find(|present| present.name == pack).ok_or_else(unknown)?;
    let contracts: Option<Vec<_>> = det_sizes.iter().map(|size| meant.count_contract(*size)).collect();
    let contracts = contracts.ok_or_else(|| PackError::Incomplete(pack.to_owned()))?;
    Ok(CountFaces::new(pack, contracts))
}

/// The CLIP task for a worker: with the pack asked for, or the only one that has a visual tower.
pub fn clip_task_for(worker: &WorkerDescription, pack: Option<&str>) -> Result<EmbedClip, PackError> {
    let mut able = worker.packs.iter().filter_map(|pack| Some((pack, pack.clip_contract()?)));
    let (pack, contract) = match pack {
        None => {
            let able: Vec<_> = able.collect();
            match &able[..] {
                [] => return Err(PackError::NoClip),
                [only] => *only,
                several => {
                    return Err(PackError::Several(
                        several.iter().map(|(pack, _)| pack.name.clone()).collect(),
                    ));
                }
            }
        }
        Some(wanted) => able.find(|(pack, _)| pack.name == wanted).ok_or_else(|| PackError::Unknown {
            wanted: wanted.to_owned(),
            present: worker.packs.iter().map(|pack| pack.name.clone()).collect(),
        })?,
    };
    Ok(EmbedClip { pack: pack.name.clone(), contract })
}

fn names(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
