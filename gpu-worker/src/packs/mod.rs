//! The packs of a worker: which are there, which are in memory, and what lanes borrow to work with them.
//!
//! Those named at start stay. Any other one in the folder is loaded when an item asks for it, and leaves when
//! nobody has asked for a while or when its slot is needed: the number of packs in memory is bounded.

mod lane;
mod loaded;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use facesets_core::wire::{ItemFailure, ItemFailureKind, PackInfo, PackState, Task};

pub use lane::Lane;
pub use loaded::{LaneAnalyzer, LoadError, Loaded};

use crate::{
    analyzer::{check_task, failed},
    model_pack::{Pack, PackError, list},
};

/// For how long a pack that could not be loaded is not tried again: loading takes seconds, and every item
/// would.
const FAILURE_MEMORY: Duration = Duration::from_mins(1);

/// The same where it may be otherwise in a moment: no memory, or a device that was away.
const RETRYABLE_FAILURE_MEMORY: Duration = Duration::from_secs(1);

/// Longest time between two looks for idle packs.
const LONGEST_SWEEP: Duration = Duration::from_secs(30);

/// How much may be in memory, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Packs in memory at once; those named at start count, and are never too many.
    pub max_loaded: NonZeroUsize,
    /// A pack that was not named at start and that nobody asked for in this time leaves.
    pub idle: Duration,
}

/// Makes a pack ready; self-tested.
pub type Loader = dyn Fn(Pack) -> Result<Loaded, LoadError> + Send + Sync;

/// The packs.
pub struct Packs {
    models: PathBuf,
    /// Names of those that stay, the first of them what the worker is mainly for.
    defaults: Vec<String>,
    bounds: Bounds,
    loader: Box<Loader>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    slots: Vec<PackSlot>,
    failures: HashMap<String, (Instant, ItemFailure)>,
}

/// A pack in memory, or on its way there.
struct PackSlot {
    name: String,
    used: Instant,
    /// `None` while it is loaded.
    pack: Option<Arc<Loaded>>,
}

impl Packs {
    /// Loads `defaults` from the folder `models`; nothing is served before all of them are sound.
    pub fn start(
        models: PathBuf,
        defaults: Vec<String>,
        bounds: Bounds,
        loader: Box<Loader>,
    ) -> Result<Arc<Self>, LoadError> {
        let mut slots = Vec::new();
        for name in &defaults {
            let pack = Some(Arc::new(loader(Pack::open(&models, name)?)?));
            slots.push(PackSlot { name: name.clone(), used: Instant::now(), pack });
        }
        let state = Mutex::new(State { slots, failures: HashMap::new() });
        let packs = Arc::new(Self { models, defaults, bounds, loader, state, changed: Condvar::new() });
        let weak = Arc::downgrade(&packs);
        let pause = (bounds.idle / 4).clamp(Duration::from_millis(10), LONGEST_SWEEP);
        let sweeper = thread::Builder::new().name("packs".to_owned());
        let sweep = move || {
            while let Some(packs) = weak.upgrade() {
                packs.sweep(Instant::now());
                drop(packs);
                thread::sleep(pause);
            }
        };
        sweeper.spawn(sweep).map_err(|error| LoadError::Pool(error.into()))?;
        Ok(packs)
    }

    /// What can be asked for: those named at start, then everything sound in the folder, by name.
    pub fn describe(&self) -> Vec<PackInfo> {
        let state = self.lock();
        let mut packs: Vec<PackInfo> = Vec::new();
        for slot in &state.slots {
            if let Some(pack) = &slot.pack {
                let state = if self.is_default(&slot.name) { PackState::Default } else { PackState::Loaded };
                packs.push(PackInfo { state, ..pack.info().clone() });
            }
        }
        drop(state);
        // Those named at start in the order in which they were named.
        let rank = |name: &String| self.defaults.iter().position(|default| default == name);
        packs.sort_by_key(|pack| (rank(&pack.name).unwrap_or(usize::MAX), pack.name.clone()));
        for name in list(&self.models) {
            if packs.iter().any(|pack| pack.name == name) {
                continue;
            }
            match Pack::open(&self.models, &name) {
                Ok(pack) => packs.push(pack.info().clone()),
                Err(error) => tracing::debug!(%error, "a pack is not offered"),
            }
        }
        packs
    }

    /// How many are in memory.
    pub fn loaded(&self) -> usize {
        self.lock().slots.iter().filter(|slot| slot.pack.is_some()).count()
    }

    /// The pack that `task` asks for, loaded if it is not in memory and gives what is asked for. Blocks while
    /// it is loaded.
    pub(super) fn lend(&self, task: &Task) -> Result<Arc<Loaded>, ItemFailure> {
        let name = task.pack();
        let mut state = self.lock();
        loop {
            match state.slots.iter_mut().find(|slot| slot.name == name) {
                Some(PackSlot { pack: Some(pack), used, .. }) => {
                    check_task(pack.info(), task)?;
                    *used = Instant::now();
                    return Ok(Arc::clone(pack));
                }
                Some(PackSlot { pack: None, .. }) => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                None => break,
            }
        }
        let memory = |failure: &ItemFailure| {
            if failure.kind.is_retryable() { RETRYABLE_FAILURE_MEMORY } else { FAILURE_MEMORY }
        };
        let remembered = state.failures.get(name).filter(|(at, failure)| at.elapsed() < memory(failure));
        if let Some((_, failure)) = remembered {
            return Err(failure.clone());
        }
        let pack = match Pack::open(&self.models, name) {
            Ok(pack) => pack,
            Err(error) => {
                // What there is is looked up under the lock.
                drop(state);
                return Err(self.not_there(&error));
            }
        };
        check_task(pack.info(), task)?;
        let evicted = self.make_room(&mut state)?;
        state.slots.push(PackSlot { name: name.to_owned(), used: Instant::now(), pack: None });
        drop(state);
        drop(evicted);
        self.load(pack)
    }

    /// Unloads what nobody has asked for.
    pub fn sweep(&self, now: Instant) {
        let mut state = self.lock();
        let (idle, kept) = std::mem::take(&mut state.slots).into_iter().partition(|slot| {
            self.may_leave(slot) && now.saturating_duration_since(slot.used) >= self.bounds.idle
        });
        let idle: Vec<PackSlot> = idle;
        state.slots = kept;
        // Sessions are closed without the lock.
        drop(state);
        for slot in &idle {
            tracing::info!(pack = slot.name, "an idle pack is unloaded");
        }
    }

    /// Gives every lane what it needs of the packs that stay; to be called by each of them.
    pub(super) fn prepare(&self, lanes: usize) -> Result<(), LoadError> {
        let packs: Vec<_> = self.lock().slots.iter().filter_map(|slot| slot.pack.clone()).collect();
        packs
            .iter()
            .filter(|pack| self.is_default(&pack.info().name))
            .try_for_each(|pack| pack.prepare(lanes))
    }

    /// Loads a pack into the slot that is kept for it.
    fn load(&self, pack: Pack) -> Result<Arc<Loaded>, ItemFailure> {
        let name = pack.info().name.clone();
        tracing::info!(pack = name, "loading a pack that is asked for");
        let loader = std::panic::AssertUnwindSafe(|| (self.loader)(pack));
        let loaded = std::panic::catch_unwind(loader);
        let mut state = self.lock();
        let at = state.slots.iter().position(|slot| slot.name == name);
        let at = at.expect("a slot that is kept for a pack stays until that is loaded");
        let outcome = match loaded {
            Ok(Ok(loaded)) => {
                let loaded = Arc::new(loaded);
                state.slots[at].pack = Some(Arc::clone(&loaded));
                state.slots[at].used = Instant::now();
                state.failures.remove(&name);
                Ok(loaded)
            }
            Ok(Err(error)) => Err(error.failure(&name)),
            Err(_) => Err(failed(ItemFailureKind::Internal, format!("loading pack `{name}` panicked"))),
        };
        if let Err(failure) = &outcome {
            tracing::error!(pack = name, message = failure.message, "a pack cannot be loaded");
            state.slots.remove(at);
            state.failures.insert(name, (Instant::now(), failure.clone()));
        }
        drop(state);
        self.changed.notify_all();
        outcome
    }

    /// Takes out the pack that was used the longest ago if there is no free slot.
    fn make_room(&self, state: &mut State) -> Result<Option<PackSlot>, ItemFailure> {
        let max = self.bounds.max_loaded.get().max(self.defaults.len());
        if state.slots.len() < max {
            return Ok(None);
        }
        let oldest = (0..state.slots.len()).filter(|at| self.may_leave(&state.slots[*at]));
        let Some(oldest) = oldest.min_by_key(|at| state.slots[*at].used) else {
            // It may be free when the item comes again.
            let message = format!("all {max} places for packs are in use (`--max-packs`)");
            return Err(failed(ItemFailureKind::OutOfMemory, message));
        };
        let evicted = state.slots.remove(oldest);
        tracing::info!(pack = evicted.name, "a pack makes room");
        Ok(Some(evicted))
    }

    /// Whether a pack is neither kept nor at work nor being loaded.
    fn may_leave(&self, slot: &PackSlot) -> bool {
        let is_borrowed = |pack: &Arc<Loaded>| Arc::strong_count(pack) > 1;
        slot.pack.as_ref().is_some_and(|pack| !is_borrowed(pack)) && !self.is_default(&slot.name)
    }

    fn is_default(&self, name: &str) -> bool {
        self.defaults.iter().any(|default| default == name)
    }

    fn not_there(&self, error: &PackError) -> ItemFailure {
        let there: Vec<_> = self.describe().into_iter().map(|pack| format!("`{}`", pack.name)).collect();
        failed(ItemFailureKind::ContractMismatch, format!("{error}; this worker has {}", there.join(", ")))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in there panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Packs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packs")
            .field("defaults", &self.defaults)
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}
