//! An analyzer without models, for this crate's own tests.

use std::{thread, time::Duration};

use facesets_core::{
    FaceAnalysis, FaceContract, FaceCount, LandmarksContract, Sha256Digest,
    wire::{AnalyzeFaces, Item, ItemFailure, ItemFailureKind, Task, TaskResult},
};

use crate::analyzer::{Analysis, Analyzer, failed};

/// Does what the bytes say: `panic`, `sleep MILLISECONDS`, `bad`, `lost` (the device, for good); anything
/// else is a photo without faces as wide as it has bytes.
pub(crate) struct Toy;

impl Analyzer for Toy {
    fn analyze(&mut self, bytes: &[u8], tasks: &[Task]) -> Result<Analysis, ItemFailure> {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        if let Some(time) = text.strip_prefix("sleep ") {
            thread::sleep(Duration::from_millis(time.parse().unwrap()));
        }
        match text {
            "panic" => panic!("as asked"),
            "bad" => Err(failed(ItemFailureKind::Decode, "not a photo")),
            "lost" => Err(failed(ItemFailureKind::DeviceLost, "the device was taken out")),
            _ => Ok(Analysis {
                results: tasks
                    .iter()
                    .map(|task| no_faces(bytes.len() as u32, task))
                    .collect::<Result<_, _>>()?,
                queue: Duration::ZERO,
                decode: Duration::ZERO,
                infer: Duration::ZERO,
            }),
        }
    }
}

fn no_faces(width: u32, task: &Task) -> Result<TaskResult, ItemFailure> {
    let contract = match task {
        Task::AnalyzeFaces(task) => task.contract,
        Task::EmbedClip(_) => return Err(failed(ItemFailureKind::Unsupported, "a toy has no CLIP")),
        Task::CountFaces(task) => {
            return Ok(TaskResult::Count(FaceCount {
                pack: task.pack.clone(),
                width,
                height: 1,
                sizes: Vec::new(),
            }));
        }
    };
    let nothing = Sha256Digest::from([0; 32]);
    let landmarks_contract = LandmarksContract {
        detector: contract.detector,
        landmarks_106: nothing,
        landmarks_68: nothing,
        det_size: contract.det_size,
        preprocessing: contract.preprocessing,
    };
    Ok(TaskResult::Faces(FaceAnalysis {
        pack: task.pack().to_owned(),
        contract,
        landmarks_contract,
        width,
        height: 1,
        faces: Vec::new(),
        gender_age: None,
        pixels: None,
    }))
}

pub(crate) fn item(id: u64, text: &str) -> Item {
    let nothing = Sha256Digest::from([0; 32]);
    let contract = FaceContract { detector: nothing, recogniser: nothing, det_size: 640, preprocessing: 1 };
    Item { id, tasks: vec![AnalyzeFaces::new("toy", contract).into()], data: text.as_bytes().to_vec().into() }
}
