//! What a worker says of itself.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    num::NonZeroU64,
};

use super::{WireError, digest, digest_bytes, pack_name, proto, required};
use crate::{
    ClipContract, CountContract, FaceContract, GenderAgeContract, ImageLimits, LandmarksContract,
    PREPROCESSING_VERSION, Sha256Digest,
    contract::{CLIP_PREPROCESSING_VERSION, DEFAULT_DET_SIZE},
    told::{MAX_MESSAGE, MAX_NAME, told},
};

/// A worker's Hello and its answer to Describe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerDescription {
    /// Version of the protocol that it speaks.
    pub protocol_version: u32,
    /// Version of the program.
    pub worker_version: String,
    /// Device, for people.
    pub device: String,
    /// Execution provider that runs the graphs.
    pub provider: String,
    /// Version of ONNX Runtime.
    pub runtime_version: String,
    /// Packs that can be asked for, those named at start first.
    pub packs: Vec<PackInfo>,
    /// How much may be in flight.
    pub credit: Credit,
    /// What one image may be.
    pub limits: ImageLimits,
    /// Which start of it this is, where it says so.
    pub instance: Option<Instance>,
}

/// Tells one start of a worker from another: whatever has another one is another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instance(NonZeroU64);

impl Instance {
    /// A new one, different from all others as far as 64 random bits go.
    pub fn random() -> Self {
        // The standard library's hasher has random keys from the system.
        let bits = RandomState::new().build_hasher().finish();
        Self(NonZeroU64::new(bits).unwrap_or(NonZeroU64::MIN))
    }
}

/// Upper bounds on unanswered work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    /// Items in flight, at least 1.
    pub max_items: u32,
    /// Image bytes in flight; a single item is always allowed.
    pub max_bytes: u64,
}

/// A model pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackInfo {
    /// Folder name.
    pub name: String,
    /// Its files.
    pub models: Vec<ModelInfo>,
    /// Licence of the weights.
    pub licence: String,
    /// Whether it is in memory.
    pub state: PackState,
}

/// Whether a pack is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackState {
    /// It is loaded when it is asked for.
    Available,
    /// It was asked for, and may be unloaded again.
    Loaded,
    /// It was named at start and stays: what a client means that names no pack.
    Default,
}

/// A model file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// What it is for.
    pub role: ModelRole,
    /// File name.
    pub file: String,
    /// Digest of the file.
    pub sha256: Sha256Digest,
}

/// What a model does within its pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ModelRole {
    /// SCRFD detector.
    Detection,
    /// `ArcFace` recogniser.
    Recognition,
    /// 106 landmarks.
    Landmarks106,
    /// 68 landmarks.
    Landmarks68,
    /// CLIP's visual tower.
    ClipVisual,
    /// Gender and age.
    GenderAge,
}

impl ModelRole {
    /// The roles that a pack for faces fills, all of them.
    pub const FACE: [Self; 4] = [Self::Detection, Self::Recognition, Self::Landmarks106, Self::Landmarks68];

    /// The roles that a pack for faces may fill besides. Their models are made ready when somebody asks for
    /// what they give.
    pub const OPTIONAL: [Self; 1] = [Self::GenderAge];

    /// Every role.
    pub const ALL: [Self; 6] = [
        Self::Detection,
        Self::Recognition,
        Self::Landmarks106,
        Self::Landmarks68,
        Self::ClipVisual,
        Self::GenderAge,
    ];

    /// Whether it is one of [`Self::OPTIONAL`].
    pub fn is_optional(self) -> bool {
        Self::OPTIONAL.contains(&self)
    }
}

impl PackInfo {
    /// Digest of the model in `role`.
    pub fn sha256(&self, role: ModelRole) -> Option<Sha256Digest> {
        self.models.iter().find(|model| model.role == role).map(|model| model.sha256)
    }

    /// The contract of this pack's embeddings at a detector size; `None` if the pack cannot make any.
    pub fn face_contract(&self, det_size: u32) -> Option<FaceContract> {
        Some(FaceContract {
            detector: self.sha256(ModelRole::Detection)?,
            recogniser: self.sha256(ModelRole::Recognition)?,
            det_size,
            preprocessing: PREPROCESSING_VERSION,
        })
    }

    /// The contract of this pack's face counts at a detector size; `None` if the pack has no detector.
    pub fn count_contract(&self, det_size: u32) -> Option<CountContract> {
        Some(CountContract {
            detector: self.sha256(ModelRole::Detection)?,
            det_size,
            preprocessing: PREPROCESSING_VERSION,
        })
    }

    /// The contract of this pack's CLIP embeddings; `None` if it has no visual tower.
    pub fn clip_contract(&self) -> Option<ClipContract> {
        Some(ClipContract {
            visual: self.sha256(ModelRole::ClipVisual)?,
            preprocessing: CLIP_PREPROCESSING_VERSION,
        })
    }

    /// The contract of this pack's estimates of gender and age at a detector size; `None` if it has no model
    /// for them.
    pub fn gender_age_contract(&self, det_size: u32) -> Option<GenderAgeContract> {
        Some(GenderAgeContract {
            detector: self.sha256(ModelRole::Detection)?,
            gender_age: self.sha256(ModelRole::GenderAge)?,
            det_size,
            preprocessing: PREPROCESSING_VERSION,
        })
    }

    /// The contract of this pack's landmarks at a detector size; `None` if the pack has none.
    pub fn landmarks_contract(&self, det_size: u32) -> Option<LandmarksContract> {
        Some(LandmarksContract {
            detector: self.sha256(ModelRole::Detection)?,
            landmarks_106: self.sha256(ModelRole::Landmarks106)?,
            landmarks_68: self.sha256(ModelRole::Landmarks68)?,
            det_size,
            preprocessing: PREPROCESSING_VERSION,
        })
    }
}

impl From<&WorkerDescription> for proto::WorkerInfo {
    fn from(worker: &WorkerDescription) -> Self {
        Self {
            protocol_version: worker.protocol_version,
            worker_version: worker.worker_version.clone(),
            device: worker.device.clone(),
            provider: worker.provider.clone(),
            runtime_version: worker.runtime_version.clone(),
            packs: worker.packs.iter().map(Into::into).collect(),
            credit: Some(proto::Credit {
                max_items: worker.credit.max_items,
                max_bytes: worker.credit.max_bytes,
            }),
            limits: Some(proto::ImageLimits {
                max_bytes: worker.limits.max_bytes,
                max_pixels: worker.limits.max_pixels,
            }),
            instance: worker.instance.map_or(0, |Instance(number)| number.get()),
        }
    }
}

impl TryFrom<&proto::WorkerInfo> for WorkerDescription {
    type Error = WireError;

    fn try_from(message: &proto::WorkerInfo) -> Result<Self, WireError> {
        let credit = required(message.credit.as_ref(), "credit")?;
        let limits = required(message.limits.as_ref(), "limits")?;
        if credit.max_items == 0 {
            return Err(WireError::Range { field: "max_items", value: 0.0 });
        }
        Ok(Self {
            protocol_version: message.protocol_version,
            worker_version: told(&message.worker_version, MAX_NAME),
            device: told(&message.device, MAX_NAME),
            provider: told(&message.provider, MAX_NAME),
            runtime_version: told(&message.runtime_version, MAX_NAME),
            packs: message.packs.iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            credit: Credit { max_items: credit.max_items, max_bytes: credit.max_bytes },
            limits: ImageLimits { max_bytes: limits.max_bytes, max_pixels: limits.max_pixels },
            instance: NonZeroU64::new(message.instance).map(Instance),
        })
    }
}

impl From<&PackInfo> for proto::ModelPack {
    fn from(pack: &PackInfo) -> Self {
        Self {
            name: pack.name.clone(),
            models: pack.models.iter().map(Into::into).collect(),
            licence: pack.licence.clone(),
            state: match pack.state {
                PackState::Available => proto::PackState::Available,
                PackState::Loaded => proto::PackState::Loaded,
                PackState::Default => proto::PackState::Default,
            }
            .into(),
            // For clients that do not derive contracts from models.
            face_contract: pack.face_contract(DEFAULT_DET_SIZE).as_ref().map(Into::into),
            clip_contract: pack.clip_contract().as_ref().map(Into::into),
            gender_age_contract: pack.gender_age_contract(DEFAULT_DET_SIZE).as_ref().map(Into::into),
        }
    }
}

impl TryFrom<&proto::ModelPack> for PackInfo {
    type Error = WireError;

    fn try_from(message: &proto::ModelPack) -> Result<Self, WireError> {
        // A newer worker may serve roles that this side does not know; they are none of its business.
        let known = message.models.iter().filter(|model| role(model.role()).is_some());
        Ok(Self {
            name: pack_name(&message.name)?,
            models: known.map(TryInto::try_into).collect::<Result<_, _>>()?,
            licence: told(&message.licence, MAX_MESSAGE),
            state: match message.state() {
                proto::PackState::Available => PackState::Available,
                proto::PackState::Loaded => PackState::Loaded,
                proto::PackState::Default | proto::PackState::Unspecified => PackState::Default,
            },
        })
    }
}

impl From<&ModelInfo> for proto::Model {
    fn from(model: &ModelInfo) -> Self {
        let role = match model.role {
            ModelRole::Detection => proto::ModelRole::Detection,
            ModelRole::Recognition => proto::ModelRole::Recognition,
            ModelRole::Landmarks106 => proto::ModelRole::Landmarks106,
            ModelRole::Landmarks68 => proto::ModelRole::Landmarks68,
            ModelRole::ClipVisual => proto::ModelRole::ClipVisual,
            ModelRole::GenderAge => proto::ModelRole::GenderAge,
        };
        Self { role: role.into(), file: model.file.clone(), sha256: digest_bytes(&model.sha256) }
    }
}

impl TryFrom<&proto::Model> for ModelInfo {
    type Error = WireError;

    fn try_from(message: &proto::Model) -> Result<Self, WireError> {
        Ok(Self {
            role: required(role(message.role()), "role")?,
            file: told(&message.file, MAX_MESSAGE),
            sha256: digest(&message.sha256, "sha256")?,
        })
    }
}

fn role(role: proto::ModelRole) -> Option<ModelRole> {
    match role {
        proto::ModelRole::Unspecified => None,
        proto::ModelRole::Detection => Some(ModelRole::Detection),
        proto::ModelRole::Recognition => Some(ModelRole::Recognition),
        proto::ModelRole::Landmarks106 => Some(ModelRole::Landmarks106),
        proto::ModelRole::Landmarks68 => Some(ModelRole::Landmarks68),
        proto::ModelRole::ClipVisual => Some(ModelRole::ClipVisual),
        proto::ModelRole::GenderAge => Some(ModelRole::GenderAge),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_survives_the_wire() {
        let worker = WorkerDescription {
            protocol_version: 1,
            worker_version: "0.1.0".to_owned(),
            device: "CPU".to_owned(),
            provider: "cpu".to_owned(),
            runtime_version: "1.31.1".to_owned(),
            packs: vec![PackInfo {
                name: "open".to_owned(),
                models: ModelRole::ALL
                    .map(|role| ModelInfo {
                        role,
                        file: format!("{role:?}.onnx"),
                        sha256: Sha256Digest::of(b"m"),
                    })
                    .to_vec(),
                licence: "MIT".to_owned(),
                state: PackState::Loaded,
            }],
            credit: Credit { max_items: 8, max_bytes: 1 << 26 },
            limits: ImageLimits::default(),
            instance: Some(Instance::random()),
        };
        assert_eq!(WorkerDescription::try_from(&proto::WorkerInfo::from(&worker)), Ok(worker.clone()));
        // Workers of before do not say which start they are.
        let worker = WorkerDescription { instance: None, ..worker };
        assert_eq!(WorkerDescription::try_from(&proto::WorkerInfo::from(&worker)), Ok(worker));
    }

    #[test]
    fn what_a_worker_calls_itself_is_short_and_one_line() {
        let long = "8 MB of \u{1b}[2J".repeat(1 << 19);
        let (credit, limits) = (proto::Credit { max_items: 1, max_bytes: 1 }, proto::ImageLimits::default());
        let said = proto::WorkerInfo {
            worker_version: long.clone(),
            device: long.clone(),
            provider: long.clone(),
            runtime_version: long.clone(),
            credit: Some(credit),
            limits: Some(limits),
            ..Default::default()
        };
        let heard = WorkerDescription::try_from(&said).unwrap();
        for text in [heard.worker_version, heard.device, heard.provider, heard.runtime_version] {
            assert!(text.starts_with("8 MB of \\u{1b}[2J") && text.chars().count() <= MAX_NAME + 1, "{text}");
        }
        let packs = vec![proto::ModelPack { name: long, ..Default::default() }];
        let error = WorkerDescription::try_from(&proto::WorkerInfo { packs, ..said }).unwrap_err();
        assert!(matches!(error, WireError::TooLong { field: "pack", .. }), "{error}");
    }

    #[test]
    fn instances_differ() {
        assert_ne!(Instance::random(), Instance::random());
    }

    #[test]
    fn models_of_unknown_roles_are_passed_over() {
        let unknown = proto::Model { role: 99, file: "new.onnx".to_owned(), sha256: vec![1; 32].into() };
        let pack = proto::ModelPack { name: "p".to_owned(), models: vec![unknown], ..Default::default() };
        assert_eq!(PackInfo::try_from(&pack).unwrap().models, []);
    }
}
