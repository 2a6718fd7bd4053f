//! A device that computes nothing and takes its time: for measuring what is around a device, and for tests of
//! it.

use std::{thread, time::Duration};

use facesets_core::wire::ModelRole;

use super::{Engine, EngineError, InputShape, Tensor};

/// Sleeps for a fixed time a batch, during which the processor is free, and then finds the same faces in
/// every photo.
#[derive(Debug, Clone, Copy)]
pub struct Simulated {
    /// Time of one run of any network, whatever the size of the batch.
    pub per_batch: Duration,
    /// Faces in every photo, 96 pixels of the detector's input wide, side by side.
    pub faces: usize,
}

/// Width of a simulated face and its distance to the next, in cells of the coarsest grid (32 pixels).
const FACE_CELLS: usize = 3;

impl Engine for Simulated {
    fn input_shape(&self, role: ModelRole) -> InputShape {
        match role {
            // As buffalo_l's detector: one photo a run.
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
        thread::sleep(self.per_batch);
        let rows = |len: usize| {
            // Depends on the row, so that rows that are mixed up are found.
            let rows = values.chunks(values.len() / shape[0]);
            let rows = rows.flat_map(|row| (0..len).map(|i| 1.0 + row[i * row.len() / len]));
            vec![Tensor { shape: vec![shape[0], len], values: rows.collect() }]
        };
        Ok(match role {
            ModelRole::Detection => self.detections(shape[2]),
            ModelRole::Recognition => rows(512),
            ModelRole::Landmarks106 => rows(106 * 2),
            ModelRole::Landmarks68 => rows(68 * 3),
            ModelRole::ClipVisual => rows(768),
            ModelRole::GenderAge => rows(3),
        })
    }
}

impl Simulated {
    /// Photos a second at its best: the detector takes one photo a run, the three other networks 32 faces.
    /// `None` if it takes no time.
    pub fn photos_per_second(self) -> Option<f64> {
        let [.., largest] = super::BUCKETS;
        let runs = 1.0 + 3.0 * self.faces as f64 / largest as f64;
        (!self.per_batch.is_zero()).then(|| 1.0 / (self.per_batch.as_secs_f64() * runs))
    }

    /// SCRFD's nine outputs, with faces in the coarsest grid.
    fn detections(self, side: usize) -> Vec<Tensor> {
        let grids = || [8, 16, 32].map(|stride| 2 * (side / stride).pow(2)).into_iter();
        let tensors = [1, 4, 10].into_iter().flat_map(|per| {
            grids().map(move |len| Tensor { shape: vec![len, per], values: vec![0.0; len * per] })
        });
        let mut outputs: Vec<Tensor> = tensors.collect();
        let across = side / 32;
        for face in 0..self.faces {
            let (column, row) =
                (1 + face * FACE_CELLS % (across - 2), 1 + face * FACE_CELLS / (across - 2) * FACE_CELLS);
            let guess = 2 * (row * across + column);
            if guess >= outputs[2].values.len() {
                break;
            }
            outputs[2].values[guess] = 0.9 - 0.001 * face as f32;
            outputs[5].values[guess * 4..][..4].copy_from_slice(&[1.4, 1.4, 1.4, 1.4]);
            let points = [-0.5, -0.5, 0.5, -0.5, 0.0, 0.0, -0.4, 0.5, 0.4, 0.5];
            outputs[8].values[guess * 10..][..10].copy_from_slice(&points);
        }
        outputs
    }
}
