//! Progress and cancelling.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use super::{LINKAGES, household::Household};
use crate::{
    cluster::{ClusterError, Cut, Engine, Stage, Watch, cut_with},
    threshold::CosineDistance,
};

/// Remembers what it is told, and says stop when asked for the nth time.
struct Recorder {
    stages: Mutex<Vec<(Stage, u64)>>,
    steps: [AtomicU64; 2],
    patience: AtomicUsize,
}

impl Recorder {
    fn new(patience: usize) -> Self {
        Self {
            stages: Mutex::default(),
            steps: [AtomicU64::new(0), AtomicU64::new(0)],
            patience: patience.into(),
        }
    }
}

impl Watch for Recorder {
    fn begin(&self, stage: Stage, steps: u64) {
        self.stages.lock().unwrap().push((stage, steps));
    }

    fn advance(&self, steps: u64) {
        let stage = self.stages.lock().unwrap().len() - 1;
        self.steps[stage].fetch_add(steps, Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.patience.fetch_update(Relaxed, Relaxed, |left| Some(left.saturating_sub(1))) == Ok(0)
    }
}

const LIBRARY: Household = Household { rows: 700, dims: 32, seed: 5, copies: 0 };

#[test]
fn progress_goes_through_both_stages_to_the_end() {
    let embeddings = LIBRARY.embeddings();
    for linkage in LINKAGES {
        for engine in [Engine::Sparse, Engine::Dense] {
            let recorder = Recorder::new(usize::MAX);
            let how = Cut { engine, ..Cut::new(linkage, CosineDistance::literal(0.5)) };
            cut_with(&embeddings, &how, &recorder).unwrap();
            assert_eq!(*recorder.stages.lock().unwrap(), [(Stage::Search, 700), (Stage::Merge, 700)]);
            assert_eq!(recorder.steps[0].load(Relaxed), 700);
            let merged = recorder.steps[1].load(Relaxed);
            assert!((1..=700).contains(&merged));
            if (linkage, engine) == (crate::cluster::Linkage::Average, Engine::Sparse) {
                assert_eq!(merged, 700, "every cluster is merged or final");
            }
        }
    }
}

#[test]
fn a_run_that_is_cancelled_ends_with_an_error_wherever_it_is() {
    let embeddings = LIBRARY.embeddings();
    for linkage in LINKAGES {
        for engine in [Engine::Sparse, Engine::Dense] {
            let how = Cut { engine, ..Cut::new(linkage, CosineDistance::literal(0.5)) };
            for patience in 0..4 {
                let got = cut_with(&embeddings, &how, &Recorder::new(patience));
                assert_eq!(got, Err(ClusterError::Cancelled), "{linkage:?} {engine:?} {patience}");
            }
        }
    }
}
