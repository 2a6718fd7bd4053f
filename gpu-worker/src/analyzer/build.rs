//! Making analyzers out of a pack and a runtime, one a lane.

use facesets_core::{ImageLimits, wire::ModelRole};

use super::{FaceAnalyzer, FaceModels};
use crate::{
    engine::{
        EngineError, Provider, Target,
        ort::{OrtEngine, Runtime},
        self_test::{Reference, SelfTestError},
    },
    model_pack::{Pack, PackError, normalisation},
};

/// Everything that a lane's analyzer is made of.
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

impl PackBuilder {
    /// Reads and verifies every model and makes sessions of the very bytes that were verified.
    ///
    /// The bytes are dropped when the sessions stand: with several lanes, keeping them would double the memory.
    pub fn build(&self) -> Result<FaceAnalyzer<OrtEngine>, BuildError> {
        let mut models = Vec::new();
        for role in ModelRole::ALL {
            models.push((role, self.pack.read(role)?));
        }
        let mut decided = Vec::new();
        for (role, bytes) in &models {
            let normalisation =
                normalisation(*role, bytes).map_err(|_| PackError::NotOnnx(self.pack.path(*role)))?;
            decided.push((*role, normalisation));
        }
        let sessions = models.iter().map(|(role, bytes)| (*role, bytes.as_slice()));
        let engine = OrtEngine::new(&self.runtime, sessions, self.threads)?;
        let models = FaceModels { pack: self.pack.info().clone(), normalisations: decided };
        Ok(FaceAnalyzer::new(engine, models, self.limits)?)
    }

    /// An analyzer whose engine has been seen to give the numbers of `reference`.
    pub fn build_tested(&self, reference: &Reference) -> Result<FaceAnalyzer<OrtEngine>, BuildError> {
        let mut analyzer = self.build()?;
        analyzer.self_test(reference)?;
        Ok(analyzer)
    }

    /// What this pack's models must give: the golden numbers that are compiled in, else those of the host's processor.
    pub fn reference(&self) -> Result<Reference, BuildError> {
        if let Some(golden) = Reference::golden(self.pack.info()) {
            return Ok(golden);
        }
        let host = Target::new(Provider::Cpu);
        tracing::info!(pack = self.pack.info().name, "measuring on the processor what the models must give");
        let runtime = self
            .runtime
            .on(host)
            .map_err(|error| EngineError::Load { role: ModelRole::Detection, reason: error.to_string() })?;
        Ok(Self { runtime, ..self.clone() }.build()?.measure()?)
    }
}
