//! The device that all lanes share, and its thread.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use facesets_core::wire::ModelRole;

use super::{
    Call, Client, Condition, EngineFactory, Row, Runner,
    batcher::{Batch, Batcher, Choice},
    cpu_turns::CpuTurns,
    runner::{Padding, caught},
};
use crate::{
    engine::{Engine, EngineError, InputShape, RunFailure},
    meter::Meter,
    start_error::{BoxError, StartError},
    telemetry,
};

/// Longest time for making the first sessions, if a run may not take longer: reading, compiling and testing
/// the largest models takes a device less than a minute.
const MAKING_LIMIT: Duration = Duration::from_mins(5);

/// Who waits for the rows of a call.
type Waiting = mpsc::SyncSender<Result<Vec<Row>, EngineError>>;

/// A device with a thread of its own. Clients may outlive it; their calls then fail.
#[derive(Debug)]
pub struct Shared {
    desk: Arc<Desk>,
    turns: Arc<CpuTurns>,
    thread: Option<JoinHandle<()>>,
}

/// Where calls are handed over.
#[derive(Debug)]
pub(super) struct Desk {
    /// For how long a run may take.
    patience: Duration,
    condition: Condition,
    shapes: Vec<(ModelRole, InputShape)>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    batcher: Batcher<Waiting>,
    /// Lanes between two calls of a photo.
    near: usize,
    /// Batches that were taken.
    taken: usize,
    /// When the device's thread last began something.
    began: Instant,
    closed: bool,
    /// Whether something that the thread began took too long: it may never come back.
    hung: bool,
}

/// What the device's thread works with.
struct Executor<E> {
    /// `None` when it is to be made anew.
    runner: Option<Runner<E>>,
    factory: Box<EngineFactory<E>>,
    meter: Arc<Meter>,
    condition: Condition,
    /// Gone, and did not come back.
    lost: bool,
}

impl Shared {
    /// Starts the device's thread, makes its engine there, and waits for that. `turns` are those of all lanes
    /// on the processor; a run that takes longer than `patience` is given up, and the device with it. What
    /// becomes of the device is said to `condition`, before anybody is answered.
    ///
    /// For all cores, not all but one: the device's thread sleeps while the device computes, and a thread
    /// that has slept goes first.
    pub fn start<E: Engine + 'static>(
        turns: Arc<CpuTurns>,
        patience: Duration,
        condition: Condition,
        meter: Arc<Meter>,
        factory: Box<EngineFactory<E>>,
    ) -> Result<Self, StartError> {
        Self::start_within(patience.max(MAKING_LIMIT), turns, patience, condition, meter, factory)
    }

    /// The same; the device is given up if its sessions are not made within `limit`.
    pub(super) fn start_within<E: Engine + 'static>(
        limit: Duration,
        turns: Arc<CpuTurns>,
        patience: Duration,
        condition: Condition,
        meter: Arc<Meter>,
        factory: Box<EngineFactory<E>>,
    ) -> Result<Self, StartError> {
        let given_up = condition.clone();
        // One message each way.
        let (ready, started) = mpsc::sync_channel::<Result<Arc<Desk>, BoxError>>(1);
        let work = move || {
            let mut executor = Executor { runner: None, factory, meter, condition, lost: false };
            let shapes = executor
                .ready()
                .map(|runner| ModelRole::ALL.map(|role| (role, runner.input_shape(role))).to_vec());
            let desk = shapes.map(|shapes| Arc::new(Desk::new(shapes, patience, executor.condition.clone())));
            let running = desk.as_ref().ok().map(Arc::clone);
            // Whoever starts the device waits for this.
            let _ = ready.send(desk);
            if let Some(desk) = running {
                while let Some(batch) = desk.next() {
                    executor.serve(batch, &desk);
                }
            }
        };
        let thread = thread::Builder::new().name("device".to_owned()).spawn(work)?;
        let desk = match started.recv_timeout(limit) {
            Ok(made) => made.map_err(StartError::Analyzer)?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(StartError::Thread(io::Error::other("the device's thread ended")));
            }
            // The thread may never come back; it is left behind, and the device with it.
            Err(RecvTimeoutError::Timeout) => {
                given_up.lose();
                let reason = format!("no sessions were made within {} s", limit.as_secs_f64());
                let (role, cause) = (ModelRole::Detection, RunFailure::DeviceLost);
                return Err(StartError::Analyzer(EngineError::Load { role, cause, reason }.into()));
            }
        };
        Ok(Self { desk, turns, thread: Some(thread) })
    }

    /// Rows that no batch has been made of yet.
    #[cfg(test)]
    pub(super) fn waiting_rows(&self) -> usize {
        self.desk.lock().batcher.rows()
    }

    /// Batches that the device has begun.
    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.desk.lock().taken
    }

    /// A handle for one lane.
    pub fn client(&self) -> Client {
        Client::new(Arc::clone(&self.desk), Arc::clone(&self.turns))
    }
}

impl Drop for Shared {
    /// What was handed over is still run, unless the device hangs: its thread is then left behind.
    fn drop(&mut self) {
        let mut state = self.desk.lock();
        state.closed = true;
        let hung = state.hung;
        drop(state);
        self.desk.changed.notify_all();
        if let Some(thread) = self.thread.take().filter(|_| !hung) {
            // It catches what engines do.
            let _ = thread.join();
        }
    }
}

impl Desk {
    fn new(shapes: Vec<(ModelRole, InputShape)>, patience: Duration, condition: Condition) -> Self {
        let state = State {
            batcher: Batcher::new(),
            near: 0,
            taken: 0,
            began: Instant::now(),
            closed: false,
            hung: false,
        };
        Self { patience, condition, shapes, state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn input_shape(&self, role: ModelRole) -> InputShape {
        self.shapes.iter().find(|(of, _)| *of == role).map_or([None; 4], |(_, shape)| *shape)
    }

    pub(super) fn submit(&self, call: Call, who: Waiting, limit: usize) {
        let mut state = self.lock();
        // Nobody would take it: `who` is dropped, and its receiver learns that.
        if !state.closed && !state.hung {
            state.batcher.add(call, who, limit, Instant::now());
        }
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn near(&self, is_near: bool) {
        let mut state = self.lock();
        state.near = if is_near { state.near + 1 } else { state.near.saturating_sub(1) };
        drop(state);
        self.changed.notify_all();
    }

    /// What the device says to a call. It is given up when a run takes too long: its driver hangs, and no
    /// call can be taken back from it. Whoever waits behind that run, and whoever comes later, is told the
    /// same at once. A queue that is long is no reason.
    pub(super) fn answer(
        &self,
        role: ModelRole,
        answer: &mpsc::Receiver<Result<Vec<Row>, EngineError>>,
    ) -> Result<Vec<Row>, EngineError> {
        let mut left = self.patience;
        loop {
            return match answer.recv_timeout(left) {
                Ok(answer) => answer,
                Err(RecvTimeoutError::Timeout) => {
                    left = self.give_up_if_hung(role);
                    if !left.is_zero() {
                        continue;
                    }
                    Err(self.hung(role))
                }
                Err(RecvTimeoutError::Disconnected) if self.lock().hung => Err(self.hung(role)),
                Err(RecvTimeoutError::Disconnected) => {
                    Err(failed(role, RunFailure::Other, "the device's thread is gone"))
                }
            };
        }
    }

    /// How long what the device does now may still take; nothing is left when it hangs.
    fn give_up_if_hung(&self, role: ModelRole) -> Duration {
        let mut state = self.lock();
        let left = self.patience.saturating_sub(state.began.elapsed());
        if state.hung || !left.is_zero() {
            return if state.hung { Duration::ZERO } else { left };
        }
        state.hung = true;
        let seconds = self.patience.as_secs_f64();
        tracing::error!(?role, seconds, "the device does not answer: it is given up");
        // Said before anybody who waits is told.
        self.condition.lose();
        state.batcher = Batcher::new();
        Duration::ZERO
    }

    /// The device's thread begins something that may hang.
    fn begins(&self) {
        self.lock().began = Instant::now();
    }

    fn hung(&self, role: ModelRole) -> EngineError {
        let reason = format!("the device has not answered for {} s", self.patience.as_secs_f64());
        failed(role, RunFailure::DeviceLost, reason)
    }

    /// The next batch; `None` when there is none and will be none.
    fn next(&self) -> Option<Batch<Waiting>> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let near = state.near > 0;
            state = match state.batcher.choose(now, near) {
                Choice::Run(batch) => {
                    state.taken += 1;
                    state.began = now;
                    return Some(batch);
                }
                Choice::Wait if state.closed => return None,
                Choice::Wait => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Choice::WaitUntil(moment) => {
                    let waited = self.changed.wait_timeout(state, moment.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in there panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Engine> Executor<E> {
    fn ready(&mut self) -> Result<&Runner<E>, BoxError> {
        let made = if let Some(runner) = self.runner.take() {
            runner
        } else {
            let engine = caught(|| (self.factory)()).unwrap_or_else(|message| Err(message.into()))?;
            Runner::new(engine, Arc::clone(&self.meter), Padding::Buckets)
        };
        Ok(self.runner.insert(made))
    }

    /// Runs a batch and answers everybody who has rows in it. When it fails, each part is run alone, so that
    /// the failure of one is not that of its neighbours.
    fn serve(&mut self, batch: Batch<Waiting>, desk: &Desk) {
        let waited_us = batch.waited().as_micros() as u64;
        let Batch { mut call, parts, .. } = batch;
        let span = tracing::debug_span!("gathered", calls = parts.len(), waited_us);
        let _within = span.enter();
        let whole = self.run(&mut call, desk);
        // A lane that is gone misses nothing.
        let answer = |who: Waiting, answer| drop(who.send(answer));
        match whole {
            Ok(rows) => {
                let mut rows = rows.into_iter();
                for (len, who) in parts {
                    answer(who, Ok(rows.by_ref().take(len).collect()));
                }
            }
            Err(error) if parts.len() > 1 => {
                tracing::warn!(role = ?call.role, rows = call.rows, %error, "a batch failed: its parts are run alone");
                let mut values = &call.values[..];
                for (rows, who) in parts {
                    let (part, rest) = values.split_at(rows * call.row_len());
                    values = rest;
                    answer(who, self.run(&mut Call { rows, values: part.to_vec(), ..call }, desk));
                }
            }
            Err(error) => parts.into_iter().for_each(|(_, who)| answer(who, Err(error.clone()))),
        }
    }

    /// Runs a call; a device that went away is given one chance to come back, with new sessions.
    fn run(&mut self, call: &mut Call, desk: &Desk) -> Result<Vec<Row>, EngineError> {
        if self.lost {
            return Err(failed(
                call.role,
                RunFailure::DeviceLost,
                "the device went away and did not come back",
            ));
        }
        let first = self.attempt(call, desk);
        if !is_lost(&first) {
            return first;
        }
        let _away = self.condition.away();
        tracing::warn!("the device went away: new sessions are made");
        telemetry::device_rebuilt();
        self.runner = None;
        let second = self.attempt(call, desk);
        if is_lost(&second) {
            tracing::error!("the device is lost");
            self.condition.lose();
            (self.lost, self.runner) = (true, None);
        }
        second
    }

    /// A panic costs the engine, which is made anew for the next call. One that cannot be made is a lost
    /// device.
    fn attempt(&mut self, call: &mut Call, desk: &Desk) -> Result<Vec<Row>, EngineError> {
        let role = call.role;
        desk.begins();
        if let Err(error) = self.ready() {
            return Err(failed(role, RunFailure::DeviceLost, error));
        }
        desk.begins();
        let runner = &mut self.runner;
        let outcome = caught(|| runner.as_mut().map(|runner| runner.run(call)));
        outcome.map_or_else(
            |message| {
                tracing::error!(message, "the engine panicked and is made anew");
                self.runner = None;
                Err(failed(role, RunFailure::Other, format!("the engine failed on this input: {message}")))
            },
            |rows| rows.unwrap_or_else(|| Err(failed(role, RunFailure::Other, "there is no engine"))),
        )
    }
}

#[expect(clippy::needless_pass_by_value, reason = "reasons are mostly made on the spot")]
fn failed(role: ModelRole, cause: RunFailure, reason: impl ToString) -> EngineError {
    EngineError::Run { role, cause, reason: reason.to_string() }
}

fn is_lost(outcome: &Result<Vec<Row>, EngineError>) -> bool {
    matches!(outcome, Err(EngineError::Run { cause: RunFailure::DeviceLost, .. }))
}
