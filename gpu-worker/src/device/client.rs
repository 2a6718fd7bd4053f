//! A lane's way to the shared device.

use std::sync::{Arc, mpsc};

use facesets_core::wire::ModelRole;

use super::{Call, Device, Row, batch_limit, cpu_turns::CpuTurns, shared::Desk};
use crate::engine::{EngineError, InputShape};

/// One lane's handle: it takes turns on the processor and waits for the device without one.
#[derive(Debug)]
pub struct Client {
    desk: Arc<Desk>,
    turns: Arc<CpuTurns>,
    has_turn: bool,
    /// Whether the device has been told that this lane's next call is near.
    is_near: bool,
}

/// Where the rows of a part of a call are answered.
type Answer = mpsc::Receiver<Result<Vec<Row>, EngineError>>;

impl Client {
    pub(super) fn new(desk: Arc<Desk>, turns: Arc<CpuTurns>) -> Self {
        Self { desk, turns, has_turn: false, is_near: false }
    }

    /// Hands a call over, in parts that fit a batch.
    fn submit(&self, call: Call) -> (ModelRole, Vec<Answer>) {
        let (role, row_len) = (call.role, call.row_len());
        let limit = batch_limit(self.input_shape(role), call.side);
        let submit = |part: Call| {
            // One answer, which the device never waits to give.
            let (sender, answer) = mpsc::sync_channel(1);
            self.desk.submit(part, sender, limit);
            answer
        };
        if call.rows <= limit {
            return (role, vec![submit(call)]);
        }
        let parts = call.values.chunks(limit * row_len);
        let parts = parts.map(|part| Call { rows: part.len() / row_len, values: part.to_vec(), ..call });
        (role, parts.map(submit).collect())
    }

    fn collect(&self, role: ModelRole, answers: &[Answer]) -> Result<Vec<Row>, EngineError> {
        let mut rows = Vec::new();
        for answer in answers {
            rows.extend(self.desk.answer(role, answer)?);
        }
        Ok(rows)
    }

    fn near(&mut self, is_near: bool) {
        if self.is_near != is_near {
            self.is_near = is_near;
            self.desk.near(is_near);
        }
    }
}

impl Device for Client {
    fn input_shape(&self, role: ModelRole) -> InputShape {
        self.desk.input_shape(role)
    }

    fn run(&mut self, calls: Vec<Call>) -> Vec<Result<Vec<Row>, EngineError>> {
        if calls.is_empty() {
            return Vec::new();
        }
        let submitted: Vec<_> = calls.into_iter().map(|call| self.submit(call)).collect();
        self.near(false);
        if self.has_turn {
            self.turns.pause();
        }
        let answers = submitted.into_iter().map(|(role, answers)| self.collect(role, &answers)).collect();
        self.near(true);
        if self.has_turn {
            self.turns.resume();
        }
        answers
    }

    fn begin(&mut self) {
        self.turns.begin();
        self.has_turn = true;
    }

    fn end(&mut self) {
        self.near(false);
        if std::mem::take(&mut self.has_turn) {
            self.turns.pause();
        }
    }
}

/// A lane that panics gives back what it holds.
impl Drop for Client {
    fn drop(&mut self) {
        self.end();
    }
}
