//! A pack in memory.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use facesets_core::wire::{ItemFailure, ItemFailureKind, PackInfo};

use crate::{
    analyzer::{BuildError, Common, FaceAnalyzer, failed},
    device::{Device, Shared},
    engine::{EngineError, RunFailure},
    model_pack::{Hold, Pack, PackError},
    start_error::StartError,
};

/// An analyzer for one pack, for whichever lane takes it.
pub type LaneAnalyzer = FaceAnalyzer<Box<dyn Device + Send>>;

/// Makes one more of them.
type Make = dyn Fn() -> Result<LaneAnalyzer, BuildError> + Send + Sync;

/// A pack whose models have passed the self-test.
pub struct Loaded {
    info: PackInfo,
    make: Box<Make>,
    /// Made, and not in use.
    free: Mutex<Vec<LaneAnalyzer>>,
    made: AtomicUsize,
    /// Keeps `models remove` away.
    _hold: Option<Hold>,
}

/// A pack that cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its files.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// Its models.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Its device.
    #[error(transparent)]
    Pool(#[from] StartError),
}

impl LoadError {
    /// What an item that asked for the pack is told.
    pub(super) fn failure(&self, name: &str) -> ItemFailure {
        let kind = match self.cause() {
            RunFailure::DeviceLost => ItemFailureKind::DeviceLost,
            RunFailure::OutOfMemory => ItemFailureKind::OutOfMemory,
            RunFailure::Other => ItemFailureKind::Internal,
        };
        failed(kind, format!("pack `{name}` cannot be loaded: {self}"))
    }

    /// What sort of failure it is; that of a shared device comes from the device's own thread.
    fn cause(&self) -> RunFailure {
        match self {
            Self::Build(error) => error.cause(),
            Self::Pool(StartError::Analyzer(error)) => {
                let built = error.downcast_ref().map(BuildError::cause);
                built.or_else(|| error.downcast_ref().map(EngineError::cause)).unwrap_or(RunFailure::Other)
            }
            Self::Pack(_) | Self::Pool(StartError::Thread(_)) => RunFailure::Other,
        }
    }
}

impl Loaded {
    /// A pack whose first analyzer can be made.
    pub fn new(
        pack: &Pack,
        make: impl Fn() -> Result<LaneAnalyzer, BuildError> + Send + Sync + 'static,
    ) -> Result<Self, LoadError> {
        let first = make()?;
        Ok(Self {
            info: pack.info().clone(),
            make: Box::new(make),
            free: Mutex::new(vec![first]),
            made: AtomicUsize::new(1),
            _hold: pack.hold(),
        })
    }

    /// A pack whose analyzers share `device`, which ends with it.
    pub fn sharing(pack: &Pack, device: Shared, common: Arc<Common>) -> Result<Self, LoadError> {
        Self::new(pack, move || {
            let client: Box<dyn Device + Send> = Box::new(device.client());
            Ok(FaceAnalyzer::new(client, Arc::clone(&common))?)
        })
    }

    /// What it is.
    pub(super) fn info(&self) -> &PackInfo {
        &self.info
    }

    /// An analyzer that nobody uses, made if there is none.
    pub(super) fn take(&self) -> Result<LaneAnalyzer, LoadError> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(analyzer) = free {
            return Ok(analyzer);
        }
        self.made.fetch_add(1, Ordering::Relaxed);
        Ok((self.make)()?)
    }

    /// Gives it back.
    pub(super) fn put(&self, analyzer: LaneAnalyzer) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(analyzer);
    }

    /// Makes one more analyzer unless there are enough for so many lanes.
    pub(super) fn prepare(&self, lanes: usize) -> Result<(), LoadError> {
        if self.made.fetch_add(1, Ordering::Relaxed) < lanes {
            self.put((self.make)()?);
        }
        Ok(())
    }
}
