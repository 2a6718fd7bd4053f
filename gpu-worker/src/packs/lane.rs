//! A lane's analyzer: it borrows what the packs of an item's tasks need, and gives it back.

use std::sync::Arc;

use facesets_core::wire::{ItemFailure, ItemFailureKind, Task};

use super::{LaneAnalyzer, LoadError, Loaded, Packs};
use crate::analyzer::{Analysis, Analyzer, analyze_photo};

/// One lane.
#[derive(Debug)]
pub struct Lane {
    packs: Arc<Packs>,
}

impl Lane {
    /// One of `lanes`, with what it needs of the packs that stay.
    pub fn new(packs: Arc<Packs>, lanes: usize) -> Result<Self, LoadError> {
        packs.prepare(lanes)?;
        Ok(Self { packs })
    }

    /// What the tasks need, each pack once.
    fn borrow(&self, tasks: &[Task]) -> Result<(Vec<Arc<Loaded>>, Vec<LaneAnalyzer>), ItemFailure> {
        let mut packs: Vec<Arc<Loaded>> = Vec::new();
        for task in tasks {
            let pack = self.packs.lend(task)?;
            if !packs.iter().any(|there| Arc::ptr_eq(there, &pack)) {
                packs.push(pack);
            }
        }
        let take = |pack: &Arc<Loaded>| pack.take().map_err(|error| error.failure(&pack.info().name));
        let analyzers = packs.iter().map(take).collect::<Result<_, _>>()?;
        Ok((packs, analyzers))
    }
}

impl Analyzer for Lane {
    fn analyze(&mut self, bytes: &[u8], tasks: &[Task]) -> Result<Analysis, ItemFailure> {
        let (packs, mut analyzers) = self.borrow(tasks)?;
        // A panic drops the analyzers, so nothing half-changed is seen again.
        let outcome = analyze_photo(&mut analyzers, bytes, tasks);
        let is_lost = outcome.as_ref().is_err_and(|failure| failure.kind == ItemFailureKind::DeviceLost);
        if !is_lost {
            packs.iter().zip(analyzers).for_each(|(pack, analyzer)| pack.put(analyzer));
        }
        outcome
    }
}
