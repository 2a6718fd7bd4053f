//! What a lane's thread does.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use crossbeam_channel::{Receiver, Sender};
use facesets_core::wire::{Item, ItemFailureKind, ItemOutcome, Timings};

use super::{Factory, credit::Job};
use crate::start_error::BoxError;
use crate::{
    analyzer::{Analysis, Analyzer, failed},
    device::{Condition, panic_message},
    telemetry,
};

/// Makes the analyzer, says so, and works until the pool is gone.
pub(super) fn run(
    factory: &Factory,
    jobs: &Receiver<Job>,
    ready: &Sender<Result<(), BoxError>>,
    condition: &Condition,
) {
    let mut analyzer = match build(factory) {
        Ok(analyzer) => Some(analyzer),
        Err(error) => {
            // The receiver may have gone after another lane's failure.
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(()));
    for job in jobs {
        let queue = job.received.elapsed();
        let Some(work) = job.take() else {
            tracing::debug!("an item is dropped: its client has left");
            continue;
        };
        let span = work.span();
        let _within = span.enter();
        let started = Instant::now();
        let outcome = attempt_again_if_lost(factory, &mut analyzer, work.item(), condition);
        let outcome =
            outcome.map(|(results, timings)| (results, Timings { queue: queue + timings.queue, ..timings }));
        tracing::debug!(
            queue_us = queue.as_micros() as u64,
            work_us = started.elapsed().as_micros() as u64,
            ok = outcome.is_ok(),
            "an item is answered"
        );
        let waited = outcome.as_ref().map_or(queue, |(_, timings)| timings.queue);
        telemetry::item_answered(&outcome, waited, started.elapsed());
        work.answer(outcome);
    }
}

/// One item; a device of this lane's own that went away is given one chance to come back, with new sessions.
/// If that does not help it is lost for good, and nothing is tried on it any more. One that lanes share has
/// had its chance already.
fn attempt_again_if_lost(
    factory: &Factory,
    analyzer: &mut Option<Box<dyn Analyzer>>,
    item: &Item,
    condition: &Condition,
) -> ItemOutcome {
    if condition.is_lost() {
        return Err(failed(ItemFailureKind::DeviceLost, "the device went away and did not come back"));
    }
    let first = attempt(factory, analyzer, item);
    if !is_lost(&first) || condition.is_lost() {
        return first;
    }
    let _away = condition.away();
    tracing::warn!(item = item.id, "the device went away: new sessions are made");
    telemetry::device_rebuilt();
    *analyzer = None;
    let second = match build(factory) {
        Ok(made) => {
            *analyzer = Some(made);
            attempt(factory, analyzer, item)
        }
        Err(error) => {
            let message = format!("the device went away and did not come back: {error}");
            Err(failed(ItemFailureKind::DeviceLost, message))
        }
    };
    if is_lost(&second) {
        tracing::error!("the device is lost; nothing more is served");
        *analyzer = None;
        condition.lose();
    }
    second
}

fn is_lost(outcome: &ItemOutcome) -> bool {
    outcome.as_ref().is_err_and(|failure| failure.kind == ItemFailureKind::DeviceLost)
}

/// One item; a panic costs the item and the analyzer, which is made anew for the next one.
fn attempt(factory: &Factory, analyzer: &mut Option<Box<dyn Analyzer>>, item: &Item) -> ItemOutcome {
    let mut current = match analyzer.take() {
        Some(current) => current,
        None => build(factory).map_err(|error| {
            failed(ItemFailureKind::Internal, format!("the lane cannot be made ready again: {error}"))
        })?,
    };
    // The analyzer is dropped after a panic, so nothing half-changed is seen again.
    let result = catch_unwind(AssertUnwindSafe(|| current.analyze(&item.data, &item.tasks)));
    match result {
        Ok(outcome) => {
            *analyzer = Some(current);
            outcome.map(|analysis| {
                let Analysis { results, queue, decode, infer } = analysis;
                (results, Timings { queue, decode, infer })
            })
        }
        Err(panic) => {
            let message = panic_message(&*panic);
            tracing::error!(item = item.id, message, "a lane panicked and is made anew");
            Err(failed(ItemFailureKind::Internal, format!("the worker failed on this item: {message}")))
        }
    }
}

/// A factory that panics is one that fails.
fn build(factory: &Factory) -> Result<Box<dyn Analyzer>, BoxError> {
    catch_unwind(AssertUnwindSafe(factory)).unwrap_or_else(|panic| Err(panic_message(&*panic).into()))
}
