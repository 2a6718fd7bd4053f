//! The self-test on an engine that computes something simple, with faults put into it.

use facesets_core::{
    Sha256Digest,
    wire::{ModelInfo, ModelRole, PackInfo, PackState},
};

use super::*;
use crate::engine::{InputShape, RunFailure};

/// What is wrong with an engine's answers.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    Zeros,
    NotANumber,
    Garbage,
    OtherSize,
    SwappedRows,
    Fails,
}

/// Sums of pixels, a row each; with a fault in the model of one role.
struct Faulty(ModelRole, Fault);

impl Engine for Faulty {
    fn input_shape(&self, role: ModelRole) -> InputShape {
        match role {
            ModelRole::Detection => [Some(1), Some(3), None, None],
            ModelRole::Recognition => [None, Some(3), Some(112), Some(112)],
            ModelRole::Landmarks106 | ModelRole::Landmarks68 => [None, Some(3), Some(192), Some(192)],
            ModelRole::ClipVisual => [None, Some(3), Some(224), Some(224)],
            ModelRole::GenderAge => [None, Some(3), Some(96), Some(96)],
        }
    }

    fn run(
        &mut self,
        role: ModelRole,
        shape: [usize; 4],
        values: &[f32],
    ) -> Result<Vec<Tensor>, EngineError> {
        let row_len = values.len() / shape[0];
        let sums = |row: &[f32]| row.chunks(row_len / 8).map(|part| part.iter().sum()).collect::<Vec<f32>>();
        let mut rows: Vec<Vec<f32>> = values.chunks(row_len).map(sums).collect();
        match if role == self.0 { self.1 } else { Fault::None } {
            Fault::None => {}
            Fault::Zeros => rows.iter_mut().for_each(|row| row.fill(0.0)),
            Fault::NotANumber => rows[0][3] = f32::NAN,
            Fault::Garbage => rows.iter_mut().for_each(|row| row.reverse()),
            Fault::OtherSize => rows.iter_mut().for_each(|row| row.truncate(5)),
            Fault::SwappedRows => rows.rotate_left(1),
            Fault::Fails => {
                let (cause, reason) = (RunFailure::Other, "as asked".to_owned());
                return Err(EngineError::Run { role, cause, reason });
            }
        }
        Ok(vec![Tensor { shape: vec![rows.len(), rows[0].len()], values: rows.concat() }])
    }
}

fn normalisation(_: ModelRole) -> Normalisation {
    Normalisation { mean: 127.5, std: 128.0 }
}

fn sound() -> Reference {
    Reference::measure(&mut Faulty(ModelRole::Detection, Fault::None), &ModelRole::ALL, normalisation)
        .unwrap()
}

#[test]
fn a_sound_engine_passes_its_own_numbers() {
    sound().compare(&mut Faulty(ModelRole::Detection, Fault::None), normalisation).unwrap();
}

#[test]
fn a_fault_in_any_model_is_found() {
    let reference = sound();
    for role in ModelRole::ALL {
        for fault in [Fault::Zeros, Fault::NotANumber, Fault::Garbage, Fault::OtherSize, Fault::Fails] {
            let error = reference.compare(&mut Faulty(role, fault), normalisation).unwrap_err();
            assert!(error.to_string().contains(role.word()), "{fault:?} in {role:?}: {error}");
        }
    }
}

#[test]
fn rows_that_change_with_their_neighbours_are_found() {
    for role in ModelRole::ALL.into_iter().filter(|role| *role != ModelRole::Detection) {
        let error = sound().compare(&mut Faulty(role, Fault::SwappedRows), normalisation).unwrap_err();
        assert!(matches!(error, SelfTestError::Neighbours { .. }), "{error}");
        // Nor is such an engine a reference for others.
        assert!(
            Reference::measure(&mut Faulty(role, Fault::SwappedRows), &ModelRole::ALL, normalisation)
                .is_err()
        );
    }
}

#[test]
fn golden_numbers_are_known_by_the_models_digests() {
    let golden: BTreeMap<String, Vec<Fingerprint>> = serde_json::from_str(GOLDEN).unwrap();
    assert_eq!(golden.len(), ModelRole::FACE.len());
    for (digest, outputs) in golden {
        digest.parse::<Sha256Digest>().unwrap();
        assert!(outputs.iter().all(|output| output.norm > 0.0 && output.samples.len() == SAMPLES));
    }
    let sha256 = Sha256Digest::of(b"another model");
    let models = ModelRole::FACE.map(|role| ModelInfo { role, file: "x".to_owned(), sha256 });
    let other = PackInfo {
        name: "open".to_owned(),
        models: models.to_vec(),
        licence: String::new(),
        state: PackState::Default,
    };
    assert_eq!(Reference::golden(&other, &ModelRole::FACE), None);
}
