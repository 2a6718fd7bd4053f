//! Calls to runs: an engine with what is known of how its models take batches.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use facesets_core::wire::ModelRole;

use super::{Call, Row, batch_limit, headroom::Headroom};
use crate::{
    engine::{Engine, EngineError, InputShape, RoleWord as _, RunFailure, Tensor, bucket_for},
    meter::Meter,
    telemetry,
};

/// Makes an engine whose numbers can be trusted; called again when a device was lost or an engine panicked.
pub type EngineFactory<E> = dyn Fn() -> Result<E, Box<dyn std::error::Error + Send + Sync>> + Send + Sync;

/// An engine that is fed in batches.
#[derive(Debug)]
pub struct Runner<E> {
    engine: E,
    meter: Arc<Meter>,
    padding: Padding,
    /// Models that take a batch and do not answer with one: fed one by one.
    one_by_one: Vec<ModelRole>,
    headroom: Headroom,
}

/// Which sizes of batches an engine sees, where its models leave that open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    /// Whatever comes.
    None,
    /// [`BUCKETS`](crate::engine::BUCKETS), filled up with zeros: devices prepare anew for every size that
    /// they see.
    Buckets,
}

impl<E: Engine> Runner<E> {
    pub(super) fn new(engine: E, meter: Arc<Meter>, padding: Padding) -> Self {
        Self { engine, meter, padding, one_by_one: Vec::new(), headroom: Headroom::default() }
    }

    pub(super) fn into_engine(self) -> E {
        self.engine
    }

    pub(super) fn input_shape(&self, role: ModelRole) -> InputShape {
        self.engine.input_shape(role)
    }

    /// One row of outputs a row of inputs. The call is as it was when this returns.
    ///
    /// A batch for which there is no memory is run in smaller ones, down to a single row: only what fails
    /// alone fails.
    pub(super) fn run(&mut self, call: &mut Call) -> Result<Vec<Row>, EngineError> {
        let row_len = call.row_len();
        let mut rows = Vec::with_capacity(call.rows);
        while rows.len() < call.rows {
            let (from, len) = (rows.len(), self.limit(call).min(call.rows - rows.len()));
            let outcome = if len == call.rows {
                self.batch(call)
            } else {
                let values = call.values[from * row_len..][..len * row_len].to_vec();
                self.batch(&mut Call { rows: len, values, ..*call })
            };
            match outcome {
                Ok(more) => rows.extend(more),
                Err(error) if self.can_be_smaller(&error, call, len) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(rows)
    }

    /// Rows of one batch.
    fn limit(&self, call: &Call) -> usize {
        if self.one_by_one.contains(&call.role) {
            return 1;
        }
        let limit = batch_limit(self.engine.input_shape(call.role), call.side);
        self.headroom.rows(call.role, call.side).map_or(limit, |rows| rows.min(limit))
    }

    /// Whether `len` rows failed for want of memory, and fewer may be tried from now on.
    fn can_be_smaller(&mut self, error: &EngineError, call: &Call, len: usize) -> bool {
        let EngineError::Run { role, cause: RunFailure::OutOfMemory, reason } = error else { return false };
        let is_fixed = self.engine.input_shape(*role)[0].is_some() || self.one_by_one.contains(role);
        let smaller = if is_fixed { None } else { self.headroom.exhausted(*role, call.side, len) };
        if let Some(smaller) = smaller {
            tracing::warn!(
                ?role,
                rows = len,
                smaller,
                reason,
                "no memory for a batch: it is run in smaller ones"
            );
        }
        smaller.is_some()
    }

    /// At most a batch.
    fn batch(&mut self, call: &mut Call) -> Result<Vec<Row>, EngineError> {
        let (role, side, rows) = (call.role, call.side, call.rows);
        let fixed = self.engine.input_shape(role)[0];
        let len = match self.padding {
            _ if fixed.is_some() => fixed.unwrap_or(rows),
            Padding::Buckets if !self.one_by_one.contains(&role) => bucket_for(rows).max(rows),
            _ => rows,
        };
        call.values.resize(len * call.row_len(), 0.0);
        let span = tracing::debug_span!("batch", model = role.word(), side, rows, bucket = len);
        let _within = span.enter();
        let started = Instant::now();
        let outputs = self.engine.run(role, [len, 3, side, side], &call.values);
        let time = started.elapsed();
        call.values.truncate(rows * call.row_len());
        tracing::debug!(us = time.as_micros() as u64, ok = outputs.is_ok(), "a batch is run");
        let outputs = outputs.inspect_err(|error| {
            if let EngineError::Run { role, cause, .. } = error {
                telemetry::device_error(*role, *cause);
            }
        })?;
        self.meter.network(role, rows, time);
        telemetry::batch(role, rows);
        self.headroom.managed(role, side, rows);
        if len == 1 {
            return Ok(vec![outputs]);
        }
        match split(outputs, len) {
            Ok(mut split) => {
                split.truncate(rows);
                Ok(split)
            }
            Err(shape) if fixed.is_some() => Err(EngineError::Run {
                role,
                cause: RunFailure::Other,
                reason: format!("it answered {len} inputs with {shape:?}"),
            }),
            Err(shape) => {
                tracing::info!(
                    ?role,
                    ?shape,
                    "this model answers a batch with no batch: it is run one by one"
                );
                self.one_by_one.push(role);
                self.run(call)
            }
        }
    }
}

/// Outputs of a batch of `len` to those of each row; the shape of an output that has no row for each as the
/// error.
fn split(outputs: Vec<Tensor>, len: usize) -> Result<Vec<Row>, Vec<usize>> {
    let mut rows: Vec<Row> = (0..len).map(|_| Vec::with_capacity(outputs.len())).collect();
    for output in outputs {
        let Tensor { mut shape, values } = output;
        if shape.first() != Some(&len) || values.is_empty() || !values.len().is_multiple_of(len) {
            return Err(shape);
        }
        shape[0] = 1;
        let row_len = values.len() / len;
        for (row, values) in rows.iter_mut().zip(values.chunks_exact(row_len)) {
            row.push(Tensor { shape: shape.clone(), values: values.to_vec() });
        }
    }
    Ok(rows)
}

/// What `work` returns, or what it said when it panicked.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| panic_message(&*panic))
}

/// The words of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}
