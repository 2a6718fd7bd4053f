//! What may be asked of an item, and what comes of it, on the wire.

use super::{PackInfo, WireError, digest, digest_bytes, fraction, pack_name, proto, required};
use crate::{
    BBox, ClipAnalysis, ClipContract, CountContract, DetectedFace, Detections, FaceAnalysis, FaceContract,
    FaceCount, GenderAgeContract,
};

/// Most tasks of one item, and most detector sizes of one count: there are no more things that make sense.
pub const MAX_TASKS: usize = 8;

/// One thing to do with an image.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// Answered with [`TaskResult::Faces`].
    AnalyzeFaces(AnalyzeFaces),
    /// Answered with [`TaskResult::Count`].
    CountFaces(CountFaces),
    /// Answered with [`TaskResult::Clip`].
    EmbedClip(EmbedClip),
}

/// What came of a [`Task`].
#[derive(Debug, Clone, PartialEq)]
pub enum TaskResult {
    /// Of [`Task::AnalyzeFaces`].
    Faces(FaceAnalysis),
    /// Of [`Task::CountFaces`].
    Count(FaceCount),
    /// Of [`Task::EmbedClip`].
    Clip(ClipAnalysis),
}

/// Detect, embed and place landmarks.
#[derive(Debug, Clone, PartialEq)]
pub struct AnalyzeFaces {
    /// Pack to use.
    pub pack: String,
    /// Contract that the results must be under.
    pub contract: FaceContract,
    /// Least confidence of a detection, in (0, 1].
    pub det_threshold: f32,
    /// Overlap above which the weaker detection is dropped, in (0, 1].
    pub nms_threshold: f32,
    /// Estimate gender and age too, under this contract.
    pub gender_age: Option<GenderAgeContract>,
}

/// Detect only.
#[derive(Debug, Clone, PartialEq)]
pub struct CountFaces {
    /// Pack whose detector to use.
    pub pack: String,
    /// Contracts that the results must be under, one a detector size; at least one, at most [`MAX_TASKS`].
    pub contracts: Vec<CountContract>,
    /// Least confidence of a detection, in (0, 1].
    pub det_threshold: f32,
    /// Overlap above which the weaker detection is dropped, in (0, 1].
    pub nms_threshold: f32,
}

/// Embed the whole image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedClip {
    /// Pack to use.
    pub pack: String,
    /// Contract that the result must be under.
    pub contract: ClipContract,
}

impl Task {
    /// Whether `result` is what was asked for, under the contracts that were asked for.
    pub fn is_answered_by(&self, result: &TaskResult) -> bool {
        match (self, result) {
            (Self::AnalyzeFaces(task), TaskResult::Faces(faces)) => {
                let estimated = faces.gender_age.as_ref().map(|estimates| estimates.contract);
                faces.contract == task.contract && estimated == task.gender_age
            }
            (Self::CountFaces(task), TaskResult::Count(count)) => {
                count.sizes.iter().map(|size| size.contract).eq(task.contracts.iter().copied())
            }
            (Self::EmbedClip(task), TaskResult::Clip(clip)) => clip.contract == task.contract,
            _ => false,
        }
    }

    /// Whether `pack` gives what is asked for, under the contracts that are asked for.
    pub fn is_met_by(&self, pack: &PackInfo) -> bool {
        pack.name == self.pack()
            && match self {
                Self::AnalyzeFaces(task) => {
                    let det_size = task.contract.det_size;
                    let estimates = pack.gender_age_contract(det_size);
                    pack.face_contract(det_size) == Some(task.contract)
                        && (task.gender_age.is_none() || task.gender_age == estimates)
                }
                Self::CountFaces(task) => {
                    task.contracts.iter().all(|asked| pack.count_contract(asked.det_size) == Some(*asked))
                }
                Self::EmbedClip(task) => pack.clip_contract() == Some(task.contract),
            }
    }

    /// The pack to use.
    pub fn pack(&self) -> &str {
        match self {
            Self::AnalyzeFaces(task) => &task.pack,
            Self::CountFaces(task) => &task.pack,
            Self::EmbedClip(task) => &task.pack,
        }
    }
}

impl AnalyzeFaces {
    /// `InsightFace`'s default detection threshold.
    pub const DET_THRESHOLD: f32 = 0.5;
    /// `InsightFace`'s default overlap threshold.
    pub const NMS_THRESHOLD: f32 = 0.4;

    /// The task with the default thresholds.
    pub fn new(pack: impl Into<String>, contract: FaceContract) -> Self {
        Self {
            pack: pack.into(),
            contract,
            det_threshold: Self::DET_THRESHOLD,
            nms_threshold: Self::NMS_THRESHOLD,
            gender_age: None,
        }
    }
}

impl CountFaces {
    /// The task with the default thresholds, which are those of [`AnalyzeFaces`].
    pub fn new(pack: impl Into<String>, contracts: Vec<CountContract>) -> Self {
        Self {
            pack: pack.into(),
            contracts,
            det_threshold: AnalyzeFaces::DET_THRESHOLD,
            nms_threshold: AnalyzeFaces::NMS_THRESHOLD,
        }
    }
}

impl From<AnalyzeFaces> for Task {
    fn from(task: AnalyzeFaces) -> Self {
        Self::AnalyzeFaces(task)
    }
}

impl From<CountFaces> for Task {
    fn from(task: CountFaces) -> Self {
        Self::CountFaces(task)
    }
}

impl From<EmbedClip> for Task {
    fn from(task: EmbedClip) -> Self {
        Self::EmbedClip(task)
    }
}

impl From<&Task> for proto::Task {
    fn from(task: &Task) -> Self {
        let kind = match task {
            Task::AnalyzeFaces(task) => proto::task::Kind::AnalyzeFaces(proto::AnalyzeFaces {
                pack: task.pack.clone(),
                contract: Some((&task.contract).into()),
                det_threshold: task.det_threshold,
                nms_threshold: task.nms_threshold,
                gender_age: task.gender_age.as_ref().map(Into::into),
            }),
            Task::CountFaces(task) => proto::task::Kind::CountFaces(proto::CountFaces {
                pack: task.pack.clone(),
                contracts: task.contracts.iter().map(Into::into).collect(),
                det_threshold: task.det_threshold,
                nms_threshold: task.nms_threshold,
            }),
            Task::EmbedClip(task) => proto::task::Kind::EmbedClip(proto::EmbedClip {
                pack: task.pack.clone(),
                contract: Some((&task.contract).into()),
            }),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<&proto::Task> for Task {
    type Error = WireError;

    fn try_from(message: &proto::Task) -> Result<Self, WireError> {
        Ok(match required(message.kind.as_ref(), "kind")? {
            proto::task::Kind::AnalyzeFaces(task) => Self::AnalyzeFaces(AnalyzeFaces {
                pack: pack_name(&task.pack)?,
                contract: required(task.contract.as_ref(), "contract")?.try_into()?,
                det_threshold: fraction(task.det_threshold, "det_threshold")?,
                nms_threshold: fraction(task.nms_threshold, "nms_threshold")?,
                gender_age: task.gender_age.as_ref().map(TryInto::try_into).transpose()?,
            }),
            proto::task::Kind::CountFaces(task) => Self::CountFaces(CountFaces {
                pack: pack_name(&task.pack)?,
                contracts: one_to_eight(&task.contracts, "contracts")?,
                det_threshold: fraction(task.det_threshold, "det_threshold")?,
                nms_threshold: fraction(task.nms_threshold, "nms_threshold")?,
            }),
            proto::task::Kind::EmbedClip(task) => Self::EmbedClip(EmbedClip {
                pack: pack_name(&task.pack)?,
                contract: required(task.contract.as_ref(), "contract")?.try_into()?,
            }),
        })
    }
}

/// The tasks of an item, if they are neither none nor too many.
pub(super) fn tasks_from_wire(tasks: &[proto::Task]) -> Result<Vec<Task>, WireError> {
    one_to_eight(tasks, "tasks")
}

fn one_to_eight<'a, M, T>(messages: &'a [M], field: &'static str) -> Result<Vec<T>, WireError>
where
    T: TryFrom<&'a M, Error = WireError>,
{
    if messages.is_empty() || messages.len() > MAX_TASKS {
        return Err(WireError::Count { field, most: MAX_TASKS, found: messages.len() });
    }
    messages.iter().map(TryInto::try_into).collect()
}

impl From<&TaskResult> for proto::TaskResult {
    fn from(result: &TaskResult) -> Self {
        let kind = match result {
            TaskResult::Faces(analysis) => proto::task_result::Kind::Faces(analysis.into()),
            TaskResult::Count(count) => proto::task_result::Kind::Count(count.into()),
            TaskResult::Clip(clip) => proto::task_result::Kind::Clip(clip.into()),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<&proto::TaskResult> for TaskResult {
    type Error = WireError;

    fn try_from(message: &proto::TaskResult) -> Result<Self, WireError> {
        Ok(match required(message.kind.as_ref(), "kind")? {
            proto::task_result::Kind::Faces(analysis) => Self::Faces(analysis.try_into()?),
            proto::task_result::Kind::Count(count) => Self::Count(count.try_into()?),
            proto::task_result::Kind::Clip(clip) => Self::Clip(clip.try_into()?),
        })
    }
}

impl From<&CountContract> for proto::CountContract {
    fn from(contract: &CountContract) -> Self {
        Self {
            detector_sha256: digest_bytes(&contract.detector),
            det_size: contract.det_size,
            preprocessing_version: contract.preprocessing,
        }
    }
}

impl TryFrom<&proto::CountContract> for CountContract {
    type Error = WireError;

    fn try_from(message: &proto::CountContract) -> Result<Self, WireError> {
        Ok(Self {
            detector: digest(&message.detector_sha256, "detector_sha256")?,
            det_size: message.det_size,
            preprocessing: message.preprocessing_version,
        })
    }
}

impl From<&FaceCount> for proto::FaceCount {
    fn from(count: &FaceCount) -> Self {
        let sizes = count.sizes.iter().map(|detections| proto::Detections {
            contract: Some((&detections.contract).into()),
            faces: detections.faces.iter().map(Into::into).collect(),
        });
        let pack = count.pack.clone();
        Self { width: count.width, height: count.height, sizes: sizes.collect(), pack }
    }
}

impl TryFrom<&proto::FaceCount> for FaceCount {
    type Error = WireError;

    fn try_from(message: &proto::FaceCount) -> Result<Self, WireError> {
        let sizes = one_to_eight(&message.sizes, "sizes")?;
        Ok(Self { pack: pack_name(&message.pack)?, width: message.width, height: message.height, sizes })
    }
}

impl TryFrom<&proto::Detections> for Detections {
    type Error = WireError;

    fn try_from(message: &proto::Detections) -> Result<Self, WireError> {
        Ok(Self {
            contract: required(message.contract.as_ref(), "contract")?.try_into()?,
            faces: message.faces.iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        })
    }
}

impl From<&DetectedFace> for proto::DetectedFace {
    fn from(face: &DetectedFace) -> Self {
        Self { bbox: face.bbox.corners().to_vec(), det_score: face.det_score }
    }
}

impl TryFrom<&proto::DetectedFace> for DetectedFace {
    type Error = WireError;

    fn try_from(message: &proto::DetectedFace) -> Result<Self, WireError> {
        let wrong = || WireError::Length { field: "bbox", expected: 4, found: message.bbox.len() };
        let corners = message.bbox[..].try_into().map_err(|_| wrong())?;
        Ok(Self { bbox: BBox::new(corners)?, det_score: fraction(message.det_score, "det_score")? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;

    fn any_contract() -> impl Strategy<Value = CountContract> {
        (any::<[u8; 32]>(), any::<u32>(), any::<u32>()).prop_map(|(detector, det_size, preprocessing)| {
            CountContract { detector: detector.into(), det_size, preprocessing }
        })
    }

    fn any_task() -> impl Strategy<Value = Task> {
        let contracts = prop::collection::vec(any_contract(), 1..=MAX_TASKS);
        let thresholds = (0.01f32..=1.0, 0.01f32..=1.0);
        (contracts, thresholds, "[a-z_]{1,9}", 0..4).prop_map(
            |(contracts, (det_threshold, nms_threshold), pack, kind)| {
                if kind == 0 {
                    return CountFaces { pack, contracts, det_threshold, nms_threshold }.into();
                }
                let CountContract { detector, det_size, preprocessing } = contracts[0];
                if kind == 1 {
                    return EmbedClip { pack, contract: ClipContract { visual: detector, preprocessing } }
                        .into();
                }
                let contract = FaceContract { detector, recogniser: detector, det_size, preprocessing };
                let estimates = GenderAgeContract { detector, gender_age: detector, det_size, preprocessing };
                let gender_age = (kind == 2).then_some(estimates);
                AnalyzeFaces { pack, contract, det_threshold, nms_threshold, gender_age }.into()
            },
        )
    }

    fn any_face() -> impl Strategy<Value = DetectedFace> {
        ((-50.0f32..500.0, -50.0f32..500.0), (1.0f32..400.0, 1.0f32..400.0), 0.01f32..=1.0).prop_map(
            |((x, y), (w, h), det_score)| DetectedFace {
                bbox: BBox::new([x, y, x + w, y + h]).unwrap(),
                det_score,
            },
        )
    }

    fn any_count() -> impl Strategy<Value = FaceCount> {
        let detections = (any_contract(), prop::collection::vec(any_face(), 0..5))
            .prop_map(|(contract, faces)| Detections { contract, faces });
        (any::<u32>(), any::<u32>(), prop::collection::vec(detections, 1..=MAX_TASKS))
            .prop_map(|(width, height, sizes)| FaceCount { pack: "open".to_owned(), width, height, sizes })
    }

    proptest! {
        #[test]
        fn tasks_survive_the_wire_in_their_order(tasks in prop::collection::vec(any_task(), 1..=MAX_TASKS)) {
            let messages: Vec<proto::Task> = tasks
                .iter()
                .map(|task| proto::Task::decode(&proto::Task::from(task).encode_to_vec()[..]).unwrap())
                .collect();
            prop_assert_eq!(tasks_from_wire(&messages).unwrap(), tasks);
        }

        #[test]
        fn a_count_survives_the_wire_bit_for_bit(count in any_count()) {
            let result = TaskResult::Count(count);
            let bytes = proto::TaskResult::from(&result).encode_to_vec();
            let message = proto::TaskResult::decode(&bytes[..]).unwrap();
            prop_assert_eq!(TaskResult::try_from(&message).unwrap(), result);
        }

        #[test]
        fn a_detected_face_with_any_field_spoilt_is_refused(face in any_face(), which in 0usize..4) {
            let mut message = proto::DetectedFace::from(&face);
            match which {
                0 => message.bbox[3] = message.bbox[1],
                1 => { message.bbox.pop(); }
                2 => message.bbox.push(1.0),
                _ => message.det_score = f32::NAN,
            }
            prop_assert!(DetectedFace::try_from(&message).is_err());
        }

        #[test]
        fn no_bytes_make_a_task_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(message) = proto::Task::decode(&bytes[..]) {
                let _ = Task::try_from(&message);
            }
        }
    }

    #[test]
    fn a_task_is_met_and_answered_under_its_own_contract_only() {
        use crate::{
            ClipEmbedding,
            clip::CLIP_EMBEDDING_LEN,
            wire::{ModelInfo, ModelRole, PackState},
        };
        let models = ModelRole::ALL.map(|role| ModelInfo {
            role,
            file: String::new(),
            sha256: crate::Sha256Digest::of(format!("{role:?}").as_bytes()),
        });
        let (name, licence) = ("p".to_owned(), String::new());
        let pack = PackInfo { name, models: models.to_vec(), licence, state: PackState::Default };
        let (faces, clip) = (pack.face_contract(640).unwrap(), pack.clip_contract().unwrap());
        let asked = EmbedClip { pack: "p".to_owned(), contract: clip };
        let gender_age = pack.gender_age_contract(640);
        let without = {
            let models = pack.models.iter().filter(|model| !model.role.is_optional()).cloned().collect();
            PackInfo { models, ..pack.clone() }
        };
        assert_eq!(without.face_contract(640), Some(faces), "an optional model is no part of the contract");
        let estimating = Task::from(AnalyzeFaces { gender_age, ..AnalyzeFaces::new("p", faces) });
        assert!(estimating.is_met_by(&pack) && !estimating.is_met_by(&without));
        let tasks = [
            AnalyzeFaces::new("p", faces).into(),
            estimating,
            CountFaces::new("p", [640, 320].map(|size| pack.count_contract(size).unwrap()).to_vec()).into(),
            Task::from(asked.clone()),
        ];
        let other = PackInfo { name: "q".to_owned(), ..pack.clone() };
        let mut newer = pack.clone();
        newer.models.iter_mut().for_each(|model| model.sha256 = crate::Sha256Digest::of(b"newer"));
        for task in &tasks {
            assert!(task.is_met_by(&pack) && !task.is_met_by(&other) && !task.is_met_by(&newer), "{task:?}");
        }
        let embedding = ClipEmbedding::from_raw(&[1.0; CLIP_EMBEDDING_LEN]).unwrap();
        let result = TaskResult::Clip(ClipAnalysis { pack: "p".to_owned(), contract: clip, embedding });
        assert_eq!(tasks.map(|task| task.is_answered_by(&result)), [false, false, false, true]);
        let contract = ClipContract { preprocessing: 99, ..clip };
        assert!(!Task::from(EmbedClip { contract, ..asked }).is_answered_by(&result));
    }

    #[test]
    fn a_task_from_the_future_is_no_task() {
        let unknown = proto::Task::decode(&[0xfa, 0x01, 0x00][..]).unwrap();
        assert_eq!(Task::try_from(&unknown), Err(WireError::Missing("kind")));
        let none = CountFaces::new("open", Vec::new()).into();
        let error = WireError::Count { field: "contracts", most: MAX_TASKS, found: 0 };
        assert_eq!(Task::try_from(&proto::Task::from(&none)), Err(error));
    }
}
