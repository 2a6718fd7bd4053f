//! A lane's own engine, run on the lane's own thread.

use std::sync::Arc;

use facesets_core::wire::ModelRole;

use super::{Call, Device, Row, Runner, runner::Padding};
use crate::{
    engine::{Engine, EngineError, InputShape},
    meter::Meter,
};

/// The processor's way: one lane a core keeps every core busy, and a one-thread session gains nothing from
/// the faces of other photos. So nothing is handed over, nothing waits, and a photo's numbers are the same
/// bits whatever else is in work.
#[derive(Debug)]
pub struct InPlace<E>(Runner<E>);

impl<E: Engine> InPlace<E> {
    /// Networks run by `engine`, measured by `meter`.
    pub fn new(engine: E, meter: Arc<Meter>) -> Self {
        Self(Runner::new(engine, meter, Padding::None))
    }

    /// The engine, and nothing else of it.
    pub fn into_engine(self) -> E {
        self.0.into_engine()
    }
}

impl<E: Engine> Device for InPlace<E> {
    fn input_shape(&self, role: ModelRole) -> InputShape {
        self.0.input_shape(role)
    }

    fn run(&mut self, calls: Vec<Call>) -> Vec<Result<Vec<Row>, EngineError>> {
        calls.into_iter().map(|mut call| self.0.run(&mut call)).collect()
    }
}
