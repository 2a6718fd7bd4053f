//! What the analyzers of all lanes have in common.

use std::sync::{Arc, Mutex, PoisonError};

use facesets_core::{
    ImageLimits,
    wire::{ModelRole, PackInfo},
};

use crate::{meter::Meter, vision::Normalisation};

/// Photos' memories that are kept: as many as are decoded at once on a small machine.
const MAX_SPARE: usize = 4;

/// Bytes of a memory that is worth keeping; a larger one goes back to the system: 16 million pixels.
const MAX_SPARE_BYTES: usize = 48 << 20;

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
    /// Memory of photos that are done with, for the next: the system's own is as slow as a tenth of the decoding.
    spare: Mutex<Vec<Vec<u8>>>,
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
        Arc::new(Self { models, limits, meter, spare: Mutex::default() })
    }

    /// Memory for a photo; empty if there is none to spare.
    pub(super) fn take_memory(&self) -> Vec<u8> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps a photo's memory for the next, unless it is large or there is enough.
    pub(super) fn give_back(&self, memory: Vec<u8>) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < MAX_SPARE && memory.capacity() <= MAX_SPARE_BYTES {
            spare.push(memory);
        }
    }
}
