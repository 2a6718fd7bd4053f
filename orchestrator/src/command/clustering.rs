//! Flags of the commands that cluster, and how a clustering is watched from a terminal.

use std::fmt;

use clap::ValueEnum;
use facesets_base::{exit::Hint, monitor::Monitor};
use facesets_corpus::change::{ChangeError, lasting_drops};
use facesets_library::store::{Store, StoreError};
use facesets_people::{
    cluster::{ClusterError, Engine, Linkage, Stage, Watch, memory_estimate},
    gallery::Gallery,
    grouping::Grouping,
    pins::{Contradiction, Pin, PinEffect, PinKind, ResolvedPins, effects, resolve},
    threshold::CosineDistance,
};
use tokio_util::sync::CancellationToken;

use super::{Context, memory};
use crate::embed::Interrupt;

/// Bytes of a face beside its embedding: landmarks, box, its share of the paths of photos.
const BYTES_OF_A_RECORD: u64 = 1_500;

/// Who clusters, and with how much memory.
#[derive(Debug, clap::Args)]
pub(super) struct ClusteringArgs {
    /// Who computes the clusters
    #[arg(long, value_enum, default_value_t = EngineArg::Auto)]
    engine: EngineArg,
    #[command(flatten)]
    gallery: GalleryArgs,
}

/// Which faces, and with how much memory.
#[derive(Debug, clap::Args)]
pub(super) struct GalleryArgs {
    /// Most memory to use, for example `4G`, instead of what is free
    #[arg(long, value_name = "BYTES", value_parser = memory::parse_bytes)]
    max_memory: Option<u64>,
    /// Go on even if the memory may not be enough
    #[arg(long)]
    force: bool,
    /// Contract of the embeddings, where the library has more than one (see `facesets status`)
    #[arg(long, value_name = "CONTRACT")]
    contract: Option<String>,
}

/// [`Engine`] as it is called on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EngineArg {
    /// The exact engine
    Auto,
    /// Exact, without a matrix of distances: any number of faces
    Exact,
    /// The whole matrix of distances: the reference, for at most 30,000 faces
    Dense,
}

/// A clustering that would need too much memory.
#[derive(Debug, thiserror::Error)]
#[error("{faces} faces need up to {}, but {} may be used", memory::text(*.needed), memory::text(*.allowed))]
pub(super) struct TooLarge {
    faces: u64,
    needed: u64,
    allowed: u64,
}

impl ClusteringArgs {
    /// The faces of the library, after a look at whether there is memory enough for them and for clustering
    /// them.
    pub(super) fn load(&self, context: &Context) -> Result<Gallery, LoadError> {
        self.gallery.load(context, |faces, dims| self.working(faces, dims))
    }

    /// The contract that was named.
    pub(super) fn contract(&self) -> Option<&str> {
        self.gallery.contract.as_deref()
    }

    /// As [`Self::load`], under the contract of an output that was written before.
    pub(super) fn load_from(
        &self,
        store: &Store,
        contract: Option<&str>,
        monitor: &dyn Monitor,
    ) -> Result<Gallery, LoadError> {
        self.gallery.load_from(store, contract, monitor, |faces, dims| self.working(faces, dims))
    }

    /// Bytes for the first clustering. What merges centroids afterwards is not in it: few pairs are within
    /// the cut then.
    fn working(&self, faces: usize, dims: usize) -> u64 {
        memory_estimate(faces, dims, Linkage::Average, self.engine.into())
    }

    /// Clustering that a person may watch and stop, and that heeds pins.
    pub(super) fn grouping<'a>(&self, watcher: &'a Watcher<'a>, pins: &'a ResolvedPins) -> Grouping<'a> {
        Grouping { engine: self.engine.into(), watch: watcher, pins }
    }
}

impl GalleryArgs {
    /// The faces of the library, after a look at whether there is memory enough for them and for what is to
    /// be done with so many faces of so many values (`working`, in bytes).
    pub(super) fn load(
        &self,
        context: &Context,
        working: impl Fn(usize, usize) -> u64,
    ) -> Result<Gallery, LoadError> {
        let store = Store::open_read(&context.library)?;
        self.load_from(&store, self.contract.as_deref(), context.monitor(), working)
    }

    fn load_from(
        &self,
        store: &Store,
        contract: Option<&str>,
        monitor: &dyn Monitor,
        working: impl Fn(usize, usize) -> u64,
    ) -> Result<Gallery, LoadError> {
        let (faces, dims) = store.extent(contract)?;
        // Records, and the matrix twice while it is read.
        let loading = faces.saturating_mul(BYTES_OF_A_RECORD + 2 * 4 * dims as u64);
        let needed = loading.saturating_add(working(faces as usize, dims));
        match self.max_memory.or_else(memory::available) {
            Some(allowed) if needed > allowed && !self.force => {
                return Err(TooLarge { faces, needed, allowed }.into());
            }
            allowed => {
                let allowed =
                    allowed.map_or_else(String::new, |bytes| format!(" of {}", memory::text(bytes)));
                monitor.note(&format!("{faces} faces: up to {}{allowed} of memory", memory::text(needed)));
            }
        }
        Ok(store.gallery(contract)?)
    }
}

impl From<EngineArg> for Engine {
    fn from(engine: EngineArg) -> Self {
        match engine {
            EngineArg::Auto => Self::Auto,
            EngineArg::Exact => Self::Sparse,
            EngineArg::Dense => Self::Dense,
        }
    }
}

/// What the user has said, for a gallery.
#[derive(Debug)]
pub(super) struct Pins {
    all: Vec<Pin>,
    pub(super) resolved: ResolvedPins,
}

impl Pins {
    /// The pins of a library; those that fit no face of the gallery are named.
    pub(super) fn load(store: &Store, gallery: &Gallery, monitor: &dyn Monitor) -> Result<Self, PinsError> {
        let all = store.pins()?;
        let drops: Vec<_> = lasting_drops(store)?.into_iter().map(|drop| drop.dropped).collect();
        let resolved = resolve(gallery, &all)?.with_dropped(gallery, &drops);
        for pin in &resolved.unresolved {
            monitor.note(&format!("pin {pin} fits no face under this contract"));
        }
        Ok(Self { all, resolved })
    }

    /// What each pin changes in a clustering at `threshold`, which is computed again without them.
    pub(super) fn effects(
        &self,
        gallery: &Gallery,
        threshold: CosineDistance,
        grouping: &Grouping<'_>,
    ) -> Result<Vec<PinEffect>, ClusterError> {
        if self.all.is_empty() {
            return Ok(Vec::new());
        }
        let without = grouping.without_pins();
        let groups = without.faces(gallery, &without.wanted(gallery), threshold)?;
        Ok(effects(gallery, &self.all, &groups, threshold))
    }
}

/// Why there are no pins to heed.
#[derive(Debug, thiserror::Error)]
pub(super) enum PinsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    #[error(transparent)]
    Journal(#[from] ChangeError),
}

impl Hint for PinsError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Contradiction(error) => error.hint(),
            Self::Journal(error) => error.hint(),
        }
    }
}

/// What is said of pins in a summary.
pub(super) fn write_effects(f: &mut fmt::Formatter<'_>, effects: &[PinEffect]) -> fmt::Result {
    effects.iter().try_for_each(|effect| {
        let what = match effect.kind {
            PinKind::Same => "same person",
            PinKind::Different => "not the same",
            PinKind::NoFace => "not a face",
        };
        let changed = if effect.changed { "changed the result" } else { "agrees with the embeddings" };
        write!(f, "pin {} ({what}) {changed}", effect.pin)?;
        if let Some([one, other]) = effect.unites {
            let distance = effect.distance.unwrap_or_default();
            let comparison = if distance > effect.threshold.get() { '>' } else { '≤' };
            write!(
                f,
                ": it joins faces at cosine distance {distance:.3} {comparison} {}, of groups of {one} and {other} faces",
                effect.threshold
            )?;
            if effect.kept_apart {
                write!(f, ", which other pins keep apart")?;
            } else {
                write!(f, ", which are one now")?;
            }
        }
        writeln!(f)
    })
}

/// Tells a monitor where a clustering is, and the clustering when the user has had enough.
pub(super) struct Watcher<'a> {
    monitor: &'a dyn Monitor,
    stop: CancellationToken,
}

impl<'a> Watcher<'a> {
    pub(super) fn new(monitor: &'a dyn Monitor, stop: &CancellationToken) -> Self {
        Self { monitor, stop: stop.clone() }
    }
}

impl Watch for Watcher<'_> {
    fn begin(&self, stage: Stage, steps: u64) {
        let name = match stage {
            Stage::Search => "comparing faces",
            Stage::Merge => "merging",
        };
        self.monitor.start(name, Some(steps));
    }

    fn advance(&self, steps: u64) {
        self.monitor.advance(steps);
    }

    fn cancelled(&self) -> bool {
        self.stop.is_cancelled()
    }
}

/// Ctrl-C during work that keeps nothing half done: the first one stops it.
pub(super) struct CtrlC {
    /// Set by the first Ctrl-C.
    pub(super) stop: CancellationToken,
    _runtime: tokio::runtime::Runtime,
}

/// Signals cannot be heard.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for Ctrl-C: {0}")]
pub(super) struct SignalError(#[from] std::io::Error);

impl Hint for SignalError {}

impl CtrlC {
    /// Listens from now on, on a thread of its own.
    pub(super) fn listen(context: &Context) -> Result<Self, SignalError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let interrupt =
            Interrupt::listen(&runtime, context.ui.clone(), "stopping: nothing is left half done");
        Ok(Self { stop: interrupt.stop, _runtime: runtime })
    }
}

/// Why there are no faces to cluster.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

impl Hint for LoadError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::TooLarge(_) => Some(
                "close other programs, or allow more with `--max-memory`, or try anyway with `--force`; \
                 `--engine exact` needs least"
                    .to_owned(),
            ),
        }
    }
}
