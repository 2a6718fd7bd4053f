//! Which faces a pass works on, with how much memory, what users say of them, and how a clustering is
//! watched.

use facesets_base::{exit::Hint, monitor::Monitor};
use facesets_corpus::change::{ChangeError, lasting_drops};
use facesets_library::store::{Store, StoreError};
use facesets_people::{
    cluster::{ClusterError, Engine, Linkage, Stage, Watch, memory_estimate},
    gallery::Gallery,
    grouping::Grouping,
    pins::{Contradiction, Pin, PinEffect, ResolvedPins, effects, resolve},
    threshold::CosineDistance,
    view::View,
};
use tokio_util::sync::CancellationToken;

use super::{Session, memory};

/// Bytes of a face beside its embedding: landmarks, box, its share of the paths of photos.
const BYTES_OF_A_RECORD: u64 = 1_500;

/// Who clusters, and with how much memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClusteringOptions {
    /// Who computes the clusters.
    pub engine: Engine,
    /// Which faces.
    pub gallery: GalleryOptions,
}

/// Which faces, and with how much memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct GalleryOptions {
    /// Most bytes to use; what is free where nothing is said.
    pub max_memory: Option<u64>,
    /// Go on even if the memory may not be enough.
    pub force: bool,
    /// Contract of the embeddings, where the library has more than one.
    pub contract: Option<String>,
}

/// A clustering that would need too much memory.
#[derive(Debug, thiserror::Error)]
#[error("{faces} faces need up to {}, but {} may be used", memory::text(*.needed), memory::text(*.allowed))]
pub(crate) struct TooLarge {
    faces: u64,
    needed: u64,
    allowed: u64,
}

impl ClusteringOptions {
    /// The faces of the library, after a look at whether there is memory enough for them and for clustering
    /// them.
    pub(crate) fn load(&self, session: &Session<'_>) -> Result<Gallery, LoadError> {
        self.gallery.load(session, |faces, dims| self.working(faces, dims))
    }

    /// As [`Self::load`], under the contract of an output that was written before.
    pub(crate) fn load_from(
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
        memory_estimate(faces, dims, Linkage::Average, self.engine)
    }

    /// Clustering that a person may watch and stop, and that heeds pins.
    pub(crate) fn grouping<'a>(&self, watcher: &'a Watcher<'a>, pins: &'a ResolvedPins) -> Grouping<'a> {
        Grouping { engine: self.engine, watch: watcher, pins }
    }
}

impl GalleryOptions {
    /// The faces of the library, after a look at whether there is memory enough for them and for what is to
    /// be done with so many faces of so many values (`working`, in bytes).
    pub(crate) fn load(
        &self,
        session: &Session<'_>,
        working: impl Fn(usize, usize) -> u64,
    ) -> Result<Gallery, LoadError> {
        let store = Store::open_read(session.library)?;
        self.load_from(&store, self.contract.as_deref(), session.monitor, working)
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

/// What is known of the faces of a gallery; pins that fit none of them are named.
pub(crate) fn load_view(store: &Store, gallery: Gallery, monitor: &dyn Monitor) -> Result<View, PinsError> {
    let pins = Pins::load(store, &gallery, monitor)?.resolved;
    Ok(View::new(gallery, pins, &store.consent_statements()?))
}

/// What the user has said, for a gallery.
#[derive(Debug)]
pub(crate) struct Pins {
    all: Vec<Pin>,
    pub(crate) resolved: ResolvedPins,
}

impl Pins {
    /// The pins of a library; those that fit no face of the gallery are named.
    pub(crate) fn load(store: &Store, gallery: &Gallery, monitor: &dyn Monitor) -> Result<Self, PinsError> {
        let all = store.pins()?;
        let drops: Vec<_> = lasting_drops(store)?.into_iter().map(|drop| drop.dropped).collect();
        let resolved = resolve(gallery, &all)?.with_dropped(gallery, &drops);
        for pin in &resolved.unresolved {
            monitor.note(&format!("pin {pin} fits no face under this contract"));
        }
        Ok(Self { all, resolved })
    }

    /// What each pin changes in a clustering at `threshold`, which is computed again without them.
    pub(crate) fn effects(
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
pub(crate) enum PinsError {
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

/// Tells a monitor where a clustering is, and the clustering when the user has had enough.
pub(crate) struct Watcher<'a> {
    monitor: &'a dyn Monitor,
    stop: CancellationToken,
}

impl<'a> Watcher<'a> {
    pub(crate) fn new(monitor: &'a dyn Monitor, stop: &CancellationToken) -> Self {
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

/// Why there are no faces to cluster.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
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
