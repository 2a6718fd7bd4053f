//! An engine some of whose models are tested only when somebody asks for what they give: their sessions are
//! not made before.

use facesets_core::wire::ModelRole;

use super::{Engine, EngineError, InputShape, RunFailure, Tensor, self_test::SelfTestError};

/// Whether an engine gives the right numbers in one role.
pub type Check<E> = Box<dyn Fn(&mut E) -> Result<(), SelfTestError> + Send>;

/// See above.
pub struct OnDemand<E> {
    engine: E,
    /// Checks that have not been passed yet.
    untested: Vec<(ModelRole, Check<E>)>,
}

impl<E> OnDemand<E> {
    /// `engine`, which is tested but for the roles of `untested`.
    pub fn new(engine: E, untested: Vec<(ModelRole, Check<E>)>) -> Self {
        Self { engine, untested }
    }
}

impl<E: Engine> OnDemand<E> {
    /// Passes the check of a role once. One that failed is tried again, so a model that gives garbage never
    /// answers.
    fn test(&mut self, role: ModelRole) -> Result<(), EngineError> {
        let Some(at) = self.untested.iter().position(|(of, _)| *of == role) else { return Ok(()) };
        tracing::info!(?role, "an optional model is asked for the first time");
        (self.untested[at].1)(&mut self.engine).map_err(|error| match error {
            SelfTestError::Engine(error) => error,
            error => EngineError::Run { role, cause: RunFailure::Other, reason: error.to_string() },
        })?;
        drop(self.untested.remove(at));
        Ok(())
    }
}

impl<E: Engine> Engine for OnDemand<E> {
    fn input_shape(&self, role: ModelRole) -> InputShape {
        self.engine.input_shape(role)
    }

    fn run(
        &mut self,
        role: ModelRole,
        shape: [usize; 4],
        values: &[f32],
    ) -> Result<Vec<Tensor>, EngineError> {
        self.test(role)?;
        self.engine.run(role, shape, values)
    }
}

impl<E: std::fmt::Debug> std::fmt::Debug for OnDemand<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let untested: Vec<_> = self.untested.iter().map(|(role, _)| role).collect();
        f.debug_struct("OnDemand").field("engine", &self.engine).field("untested", &untested).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use super::*;
    use crate::engine::Simulated;

    /// An engine whose model for gender and age passes its check from the `pass_at`th time on; how often it
    /// was checked.
    fn engine(pass_at: usize) -> (OnDemand<Simulated>, Arc<AtomicUsize>) {
        let checks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&checks);
        let check: Check<Simulated> = Box::new(move |_| {
            let times = counted.fetch_add(1, Ordering::Relaxed) + 1;
            if times < pass_at { Err(SelfTestError::NotFinite(ModelRole::GenderAge)) } else { Ok(()) }
        });
        let engine = Simulated { per_batch: Duration::ZERO, faces: 1 };
        (OnDemand::new(engine, vec![(ModelRole::GenderAge, check)]), checks)
    }

    fn run(engine: &mut OnDemand<Simulated>, role: ModelRole, side: usize) -> Result<usize, String> {
        let outputs = engine.run(role, [1, 3, side, side], &vec![0.5; 3 * side * side]);
        outputs.map(|outputs| outputs.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_optional_model_is_tested_when_it_is_asked_for_and_once() {
        let (mut engine, checks) = engine(1);
        assert_eq!(run(&mut engine, ModelRole::Recognition, 112), Ok(1));
        assert_eq!(checks.load(Ordering::Relaxed), 0);
        for _ in 0..3 {
            assert_eq!(run(&mut engine, ModelRole::GenderAge, 96), Ok(1));
        }
        assert_eq!(checks.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_model_that_fails_its_test_never_answers_and_the_others_do() {
        let (mut engine, checks) = engine(3);
        for _ in 0..2 {
            let error = run(&mut engine, ModelRole::GenderAge, 96).unwrap_err();
            assert!(error.contains("gender_age") && error.contains("not finite"), "{error}");
            assert_eq!(run(&mut engine, ModelRole::Recognition, 112), Ok(1));
        }
        assert_eq!(run(&mut engine, ModelRole::GenderAge, 96), Ok(1));
        assert_eq!(checks.load(Ordering::Relaxed), 3);
    }
}
