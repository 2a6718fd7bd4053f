//! From models on a target to lanes at work: how many, and whether each has its own engine or all share one
//! device.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use facesets_core::{ImageLimits, wire::PackInfo};

use crate::{
    analyzer::{Analyzer, BuildError, Common, FaceAnalyzer, PackBuilder},
    device::{Condition, CpuTurns, Shared},
    engine::{Provider, Target, ort::Runtime, self_test::Reference},
    meter::Meter,
    packs::{Lane, Loaded, Loader, Packs},
    pool::Pool,
    start_error::{BoxError, StartError},
};

/// Most lanes with sessions of their own unless asked otherwise: memory grows with them.
const MAX_OWN_SESSIONS: usize = 4;

/// Photos that wait for a shared device beside those that have the processor: at one face each they fill its
/// largest batch.
const WAITING_FOR_DEVICE: usize = 32;

/// For how long a shared device may leave a batch unanswered unless asked otherwise: the largest batch of the
/// slowest network takes seconds on the slowest of devices, the first one of a size some more.
const PATIENCE: Duration = Duration::from_mins(2);

/// How photos get to networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrangement {
    /// Each lane has its own engine: for the host's processor, which all lanes share anyway.
    Own,
    /// One device for all lanes, fed in batches.
    Shared,
}

/// Lanes and what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Own engines or one device.
    pub arrangement: Arrangement,
    /// Photos in work at once.
    pub lanes: NonZeroUsize,
    /// Threads of each session.
    pub threads: usize,
    /// Photos that have the processor at once.
    pub cores: usize,
    /// For how long a shared device may leave a batch unanswered.
    pub patience: Duration,
}

impl Plan {
    /// What suits a target on this machine, with as many lanes as asked for.
    pub fn new(target: &Target, lanes: Option<NonZeroUsize>) -> Self {
        let arrangement =
            if target.provider == Provider::Cpu { Arrangement::Own } else { Arrangement::Shared };
        Self::arranged(arrangement, lanes)
    }

    /// The same for a given arrangement.
    pub fn arranged(arrangement: Arrangement, lanes: Option<NonZeroUsize>) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let default = match arrangement {
            Arrangement::Own => cores.min(MAX_OWN_SESSIONS),
            Arrangement::Shared => cores + WAITING_FOR_DEVICE,
        };
        let lanes = lanes.or(NonZeroUsize::new(default)).unwrap_or(NonZeroUsize::MIN);
        let threads = match arrangement {
            Arrangement::Own => (cores / lanes).max(1),
            Arrangement::Shared => cores,
        };
        Self { arrangement, lanes, threads, cores, patience: PATIENCE }
    }

    /// The same with another patience.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Starts the lanes, every engine of which must give the numbers of `reference`.
    pub fn start(self, builder: PackBuilder, reference: Reference) -> Result<Pool, StartError> {
        let builder = PackBuilder { threads: self.threads, ..builder };
        let common = builder.common().map_err(|error| StartError::Analyzer(error.into()))?;
        match self.arrangement {
            Arrangement::Own => Pool::start(self.lanes, move || -> Result<Box<dyn Analyzer>, BoxError> {
                Ok(Box::new(builder.build_tested(&reference, Arc::clone(&common))?))
            }),
            Arrangement::Shared => {
                let turns = Arc::new(CpuTurns::of(self.cores));
                let condition = Condition::default();
                let device = builder.share(turns, self.patience, condition.clone(), reference)?;
                self.share(device, condition, common)
            }
        }
    }

    /// Starts lanes that share `device`, which ends with them and says how it is to `condition`.
    pub fn share(
        self,
        device: Shared,
        condition: Condition,
        common: Arc<Common>,
    ) -> Result<Pool, StartError> {
        Pool::start_on(condition, self.lanes, move || -> Result<Box<dyn Analyzer>, BoxError> {
            Ok(Box::new(FaceAnalyzer::new(device.client(), Arc::clone(&common))?))
        })
    }

    /// Starts lanes that work with any of `packs`, whose devices say how they are to `condition`.
    pub fn start_lanes(self, packs: &Arc<Packs>, condition: Condition) -> Result<Pool, StartError> {
        let (packs, lanes) = (Arc::clone(packs), self.lanes);
        Pool::start_on(condition, lanes, move || Ok(Box::new(Lane::new(Arc::clone(&packs), lanes.get())?)))
    }

    /// How packs are made ready for these lanes, on devices that say how they are to `condition`.
    pub fn loader(
        self,
        runtime: Runtime,
        limits: ImageLimits,
        meter: Arc<Meter>,
        condition: Condition,
    ) -> Box<Loader> {
        // Of all packs together: lanes share the cores, whatever they work with.
        let turns = Arc::new(CpuTurns::of(self.cores));
        // A pack that comes back is measured no second time.
        let known: Mutex<Vec<(PackInfo, Reference)>> = Mutex::new(Vec::new());
        Box::new(move |pack| {
            let Self { arrangement, lanes, threads, patience, .. } = self;
            let (name, target) = (&pack.info().name, runtime.target());
            tracing::info!(pack = name, %target, ?arrangement, lanes, threads, "making the models ready");
            let (runtime, meter) = (runtime.clone(), Arc::clone(&meter));
            let builder = PackBuilder { pack: pack.clone(), runtime, threads, limits, meter };
            let reference = known_reference(&known, &builder)?;
            let common = builder.common()?;
            match arrangement {
                Arrangement::Own => Loaded::new(&pack, move || builder.lane(&reference, Arc::clone(&common))),
                Arrangement::Shared => {
                    let (turns, condition) = (Arc::clone(&turns), condition.clone());
                    Loaded::sharing(&pack, builder.share(turns, patience, condition, reference)?, common)
                }
            }
        })
    }
}

/// The reference of a pack with these very models, measured when it is not known yet.
fn known_reference(
    known: &Mutex<Vec<(PackInfo, Reference)>>,
    builder: &PackBuilder,
) -> Result<Reference, BuildError> {
    let lock = || known.lock().unwrap_or_else(PoisonError::into_inner);
    let is = |(pack, _): &&(PackInfo, Reference)| pack == builder.pack.info();
    if let Some((_, reference)) = lock().iter().find(is) {
        return Ok(reference.clone());
    }
    let reference = builder.reference()?;
    lock().push((builder.pack.info().clone(), reference.clone()));
    Ok(reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_gets_lanes_with_own_engines_and_anything_else_one_device() {
        let processor = Plan::new(&Target::new(Provider::Cpu), None);
        assert_eq!(processor.arrangement, Arrangement::Own);
        assert!(processor.lanes.get() <= MAX_OWN_SESSIONS && processor.threads >= 1);
        for provider in [Provider::DirectMl, Provider::Cuda, Provider::OpenVino, Provider::MiGraphX] {
            let device = Plan::new(&Target::new(provider), None);
            assert_eq!(device.arrangement, Arrangement::Shared);
            assert!(device.lanes.get() > WAITING_FOR_DEVICE);
        }
        let asked = Plan::new(&Target::new(Provider::Cpu), NonZeroUsize::new(1));
        assert_eq!((asked.lanes.get(), asked.threads), (1, asked.cores));
    }
}
