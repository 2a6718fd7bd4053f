//! Making analyzers out of a pack and a runtime.

use std::{sync::Arc, time::Duration};

use facesets_core::{ImageLimits, wire::ModelRole};

use super::{Common, FaceAnalyzer, FaceModels};
use crate::{
    device::{Condition, CpuTurns, Device, InPlace, Shared},
    engine::{
        Check, Engine, EngineError, Graphs, OnDemand, Provider, RunFailure, Target,
        ort::{OrtEngine, Runtime},
        self_test::{Reference, SelfTestError},
    },
    meter::Meter,
    model_pack::{Pack, PackError, normalisation},
    start_error::StartError,
};

/// Everything that analyzers are made of.
#[derive(Debug, Clone)]
pub struct PackBuilder {
    /// The models.
    pub pack: Pack,
    /// What runs them.
    pub runtime: Runtime,
    /// Threads of each session.
    pub threads: usize,
    /// What one image may be.
    pub limits: ImageLimits,
    /// What measures the stages.
    pub meter: Arc<Meter>,
}

/// An analyzer that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The pack.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The runtime.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// It runs, and gives other numbers than it should.
    #[error(transparent)]
    SelfTest(#[from] SelfTestError),
}

impl BuildError {
    /// What sort of failure it is.
    pub fn cause(&self) -> RunFailure {
        match self {
            Self::Engine(error) | Self::SelfTest(SelfTestError::Engine(error)) => error.cause(),
            Self::Pack(_) | Self::SelfTest(_) => RunFailure::Other,
        }
    }
}

impl PackBuilder {
    /// An analyzer with sessions of its own, on the thread that uses it, and nothing in common with others.
    pub fn build(&self) -> Result<FaceAnalyzer<InPlace<OrtEngine>>, BuildError> {
        let (engine, models) = self.engine()?;
        in_place(engine, Common::new(models, self.limits, Arc::clone(&self.meter)))
    }

    /// An analyzer with sessions of its own, which have been seen to give the numbers of `reference`.
    pub fn build_tested(
        &self,
        reference: &Reference,
        common: Arc<Common>,
    ) -> Result<FaceAnalyzer<InPlace<OnDemand<OrtEngine>>>, BuildError> {
        in_place(self.tested(reference)?, common)
    }

    /// The same, of a kind with those on other devices.
    pub fn lane(
        &self,
        reference: &Reference,
        common: Arc<Common>,
    ) -> Result<FaceAnalyzer<Box<dyn Device + Send>>, BuildError> {
        let engine = self.tested(reference)?;
        let device: Box<dyn Device + Send> = Box::new(InPlace::new(engine, Arc::clone(&self.meter)));
        Ok(FaceAnalyzer::new(device, common)?)
    }

    /// A device for all lanes, whose engine is tested whenever it is made; see [`Shared::start`].
    pub fn share(
        self,
        turns: Arc<CpuTurns>,
        patience: Duration,
        condition: Condition,
        reference: Reference,
    ) -> Result<Shared, StartError> {
        let meter = Arc::clone(&self.meter);
        Shared::start(turns, patience, condition, meter, Box::new(move || Ok(self.tested(&reference)?)))
    }

    /// What the analyzers of all lanes have in common.
    pub fn common(&self) -> Result<Arc<Common>, BuildError> {
        let roles: Vec<ModelRole> = self.pack.roles().collect();
        let models = self.fed(&self.read(&roles)?)?;
        Ok(Common::new(models, self.limits, Arc::clone(&self.meter)))
    }

    /// What this pack's models must give, but for optional ones: the golden numbers that are compiled in,
    /// else those of the host's processor.
    pub fn reference(&self) -> Result<Reference, BuildError> {
        let roles: Vec<ModelRole> = self.pack.roles().filter(|role| !role.is_optional()).collect();
        if let Some(golden) = Reference::golden(self.pack.info(), &roles) {
            return Ok(golden);
        }
        tracing::info!(pack = self.pack.info().name, "measuring on the processor what the models must give");
        self.measure(&roles)
    }

    /// What the models in `roles` give on the host's processor as they are stored.
    pub fn measure(&self, roles: &[ModelRole]) -> Result<Reference, BuildError> {
        let runtime = self
            .runtime
            .on(Target { graphs: Graphs::Stored, ..Target::new(Provider::Cpu) })
            .map_err(|error| EngineError::Load {
                role: ModelRole::Detection,
                cause: RunFailure::Other,
                reason: error.to_string(),
            })?;
        let (mut engine, models) = Self { runtime, ..self.clone() }.engine_for(roles)?;
        Ok(Reference::measure(&mut engine, roles, |role| models.normalisation(role))?)
    }

    /// Reads and verifies every model and makes sessions of the very bytes that were verified.
    ///
    /// The bytes are dropped when the sessions stand: with several lanes, keeping them would double the
    /// memory.
    pub fn engine(&self) -> Result<(OrtEngine, FaceModels), BuildError> {
        self.engine_for(&self.pack.roles().collect::<Vec<_>>())
    }

    /// The same with the models of some roles only.
    fn engine_for(&self, roles: &[ModelRole]) -> Result<(OrtEngine, FaceModels), BuildError> {
        let graphs = self.read(roles)?;
        let models = self.fed(&graphs)?;
        let graphs = graphs.iter().map(|(role, bytes)| (*role, bytes.as_slice()));
        Ok((OrtEngine::new(&self.runtime, graphs, self.threads)?, models))
    }

    /// An engine that has been seen to give the numbers of `reference`, and whose optional models will be
    /// when they are asked for.
    fn tested(&self, reference: &Reference) -> Result<OnDemand<OrtEngine>, BuildError> {
        let (mut engine, models) = self.engine()?;
        reference.compare(&mut engine, |role| models.normalisation(role))?;
        let optional = self.pack.roles().filter(|role| role.is_optional());
        Ok(OnDemand::new(engine, optional.map(|role| (role, self.check_of(role, models.clone()))).collect()))
    }

    /// Compares the model in an optional role with the host's processor.
    fn check_of(&self, role: ModelRole, models: FaceModels) -> Check<OrtEngine> {
        let builder = self.clone();
        Box::new(move |engine| {
            let reference = builder.measure(&[role]).map_err(|error| match error {
                BuildError::SelfTest(error) => error,
                BuildError::Engine(error) => error.into(),
                BuildError::Pack(error) => {
                    EngineError::Load { role, cause: RunFailure::Other, reason: error.to_string() }.into()
                }
            })?;
            reference.compare(engine, |role| models.normalisation(role))
        })
    }

    /// The graphs of `roles`.
    fn read(&self, roles: &[ModelRole]) -> Result<Vec<(ModelRole, Vec<u8>)>, PackError> {
        roles.iter().copied().map(|role| Ok((role, self.pack.read(role)?))).collect()
    }

    fn fed(&self, graphs: &[(ModelRole, Vec<u8>)]) -> Result<FaceModels, PackError> {
        let decide = |(role, graph): &(ModelRole, Vec<u8>)| {
            let decided = normalisation(*role, graph);
            Ok((*role, decided.map_err(|_| PackError::NotOnnx(self.pack.path(*role)))?))
        };
        let normalisations = graphs.iter().map(decide).collect::<Result<_, PackError>>()?;
        Ok(FaceModels { pack: self.pack.info().clone(), normalisations })
    }
}

fn in_place<E: Engine>(engine: E, common: Arc<Common>) -> Result<FaceAnalyzer<InPlace<E>>, BuildError> {
    let device = InPlace::new(engine, Arc::clone(&common.meter));
    Ok(FaceAnalyzer::new(device, common)?)
}
