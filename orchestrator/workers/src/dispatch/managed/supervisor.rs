//! A worker of our own that is started again when it dies, but not for ever.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::{Managed, ManagedError, ManagedWorker, POLL};
use crate::dispatch::{WorkerEndpoint, breakage::Breakage};

/// So many restarts in so much time are put up with; more, and what is wrong is not the photos.
const MAX_RESTARTS: usize = 5;
const RESTARTS_WITHIN: Duration = Duration::from_mins(10);

/// Before the first restart; each further one waits twice as long. A device that went away needs a moment.
const FIRST_DELAY: Duration = Duration::from_millis(250);

/// How the last of them ended cannot be told by anybody else, so all of them are held here.
#[derive(Debug)]
pub struct Supervisor {
    spec: Managed,
    cancelled: CancellationToken,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    worker: Option<ManagedWorker>,
    /// No other one is to be started.
    over: bool,
    restarts: VecDeque<Instant>,
}

impl Supervisor {
    /// Starts a worker and waits until it is ready.
    pub fn start(spec: Managed, cancelled: CancellationToken) -> Result<Self, ManagedError> {
        let worker = Some(ManagedWorker::start(&spec, &cancelled)?);
        let state = Mutex::new(State { worker, over: false, restarts: VecDeque::new() });
        Ok(Self { spec, cancelled, state })
    }

    /// How the worker that runs now is reached.
    pub fn endpoint(&self) -> Option<WorkerEndpoint> {
        self.state().worker.as_ref().map(ManagedWorker::endpoint)
    }

    /// Lets the worker finish and leave; no other one is started.
    pub fn stop(&self) {
        if let Some(worker) = self.end() {
            worker.stop();
        }
    }

    /// Ends the worker now; no other one is started.
    pub fn kill(&self) {
        if let Some(worker) = self.end() {
            worker.kill();
        }
    }

    /// After its connection broke: whether the worker ended by itself, and its last words. Blocks for a
    /// moment.
    pub(in crate::dispatch) fn bury(&self) -> Breakage {
        let worker = self.state().worker.take();
        worker.map_or(Breakage { died: false, words: None }, ManagedWorker::post_mortem)
    }

    /// Deaths that are explained do not count.
    pub(in crate::dispatch) fn forgive(&self) {
        self.state().restarts.clear();
    }

    /// Starts another worker, after a while; how it is reached. Blocks.
    pub(in crate::dispatch) fn restart(&self) -> Result<WorkerEndpoint, ManagedError> {
        let number = {
            let mut state = self.state();
            state.restarts.retain(|began| began.elapsed() < RESTARTS_WITHIN);
            if state.restarts.len() >= MAX_RESTARTS {
                return Err(ManagedError::TooManyRestarts(MAX_RESTARTS));
            }
            state.restarts.push_back(Instant::now());
            state.restarts.len() as u32
        };
        let until = Instant::now() + FIRST_DELAY * 2u32.pow(number - 1);
        while Instant::now() < until && !self.is_over() {
            thread::sleep(POLL);
        }
        if self.is_over() {
            return Err(ManagedError::Cancelled);
        }
        tracing::info!(number, "starting the worker again");
        let worker = ManagedWorker::start(&self.spec, &self.cancelled)?;
        let endpoint = worker.endpoint();
        let mut state = self.state();
        if state.over {
            // It leaves as it is dropped.
            return Err(ManagedError::Cancelled);
        }
        state.worker = Some(worker);
        Ok(endpoint)
    }

    fn is_over(&self) -> bool {
        self.cancelled.is_cancelled() || self.state().over
    }

    fn end(&self) -> Option<ManagedWorker> {
        let mut state = self.state();
        state.over = true;
        state.worker.take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::managed::tests::{READY, script};

    fn supervisor(text: &str) -> (tempfile::TempDir, Supervisor) {
        let (folder, spec) = script(text);
        // A script that another test's fork still holds open for writing cannot be executed for a moment.
        loop {
            match Supervisor::start(spec.clone(), CancellationToken::new()) {
                Err(ManagedError::Spawn { source, .. })
                    if source.kind() == std::io::ErrorKind::ExecutableFileBusy => {}
                started => return (folder, started.unwrap()),
            }
        }
    }

    #[test]
    fn a_worker_that_died_is_told_apart_and_started_again_with_another_token() {
        let (folder, supervisor) =
            supervisor(&format!("echo x >>starts; echo '{READY}'; echo 'out of memory' >&2; exit 3"));
        let first = supervisor.endpoint().unwrap();
        let fate = supervisor.bury();
        let words = fate.words.unwrap();
        assert!(fate.died && words.contains('3') && words.contains("out of memory"), "{words}");
        assert_eq!(supervisor.endpoint(), None);
        let second = supervisor.restart().unwrap();
        assert!(first.address == second.address && first.token != second.token);
        assert_eq!(std::fs::read_to_string(folder.path().join("starts")).unwrap(), "x\nx\n");
        supervisor.stop();
        assert!(matches!(supervisor.restart(), Err(ManagedError::Cancelled)));
    }

    #[test]
    fn restarts_are_limited_unless_the_deaths_were_explained() {
        let (_folder, supervisor) = supervisor(&format!("echo '{READY}'; cat"));
        supervisor.state().restarts.extend(vec![Instant::now(); MAX_RESTARTS]);
        assert!(matches!(supervisor.restart(), Err(ManagedError::TooManyRestarts(MAX_RESTARTS))));
        supervisor.forgive();
        supervisor.restart().unwrap();
        supervisor.stop();
    }
}
