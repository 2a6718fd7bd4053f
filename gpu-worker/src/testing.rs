//! An analyzer without models, for this crate's own tests.

use std::{thread, time::Duration};

use facesets_core::{
    FaceAnalysis, FaceContract, LandmarksContract, Sha256Digest,
    wire::{AnalyzeFaces, Item, ItemFailure, ItemFailureKind},
};

use crate::analyzer::{Analysis, Analyzer, failed};

/// Does what the bytes say: `panic`, `sleep MILLISECONDS`, `bad`; anything else is a photo without faces as wide as it has bytes.
pub(crate) struct Toy;

impl Analyzer for Toy {
    fn analyze(&mut self, bytes: &[u8], task: &AnalyzeFaces) -> Result<Analysis, ItemFailure> {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        if let Some(time) = text.strip_prefix("sleep ") {
            thread::sleep(Duration::from_millis(time.parse().unwrap()));
        }
        match text {
            "panic" => panic!("as asked"),
            "bad" => Err(failed(ItemFailureKind::Decode, "not a photo")),
            _ => Ok(Analysis {
                faces: no_faces(bytes.len() as u32, task.contract),
                decode: Duration::ZERO,
                infer: Duration::ZERO,
            }),
        }
    }
}

fn no_faces(width: u32, contract: FaceContract) -> FaceAnalysis {
    let nothing = Sha256Digest::from([0; 32]);
    let landmarks_contract = LandmarksContract {
        detector: contract.detector,
        landmarks_106: nothing,
        landmarks_68: nothing,
        det_size: contract.det_size,
        preprocessing: contract.preprocessing,
    };
    FaceAnalysis { contract, landmarks_contract, width, height: 1, faces: Vec::new() }
}

pub(crate) fn item(id: u64, text: &str) -> Item {
    let nothing = Sha256Digest::from([0; 32]);
    let contract = FaceContract { detector: nothing, recogniser: nothing, det_size: 640, preprocessing: 1 };
    Item { id, task: AnalyzeFaces::new("toy", contract), data: text.as_bytes().to_vec().into() }
}
