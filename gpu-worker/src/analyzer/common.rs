//! What the analyzers of all lanes have in common.

use std::sync::Arc;

use facesets_core::{
    ImageLimits,
    wire::{ModelRole, PackInfo},
};

use super::spare_buffers::SpareBuffers;
use crate::{meter::Meter, vision::Normalisation};

/// A pack's names and digests, and what its models want to be fed.
#[derive(Debug, Clone)]
pub struct FaceModels {
    /// Names and digests.
    pub pack: PackInfo,
    /// One for every role.
    pub normalisations: Vec<(ModelRole, Normalisation)>,
}

/// What analyzers are told and what they share.
#[derive(Debug)]
pub struct Common {
    /// What is run.
    pub models: FaceModels,
    /// What one image may be.
    pub limits: ImageLimits,
    /// What measures the stages.
    pub meter: Arc<Meter>,
    /// For photos.
    pub(super) photos: SpareBuffers,
    /// For what is around a face.
    pub(super) windows: SpareBuffers,
}

impl FaceModels {
    /// What the model in `role` wants to be fed.
    pub fn normalisation(&self, role: ModelRole) -> Normalisation {
        let found = self.normalisations.iter().find(|(of, _)| *of == role);
        found.map_or(Normalisation::NONE, |(_, normalisation)| *normalisation)
    }
}

impl Common {
    /// With no memory to spare yet.
    pub fn new(models: FaceModels, limits: ImageLimits, meter: Arc<Meter>) -> Arc<Self> {
        Arc::new(Self {
            models,
            limits,
            meter,
            photos: SpareBuffers::default(),
            windows: SpareBuffers::default(),
        })
    }
}
