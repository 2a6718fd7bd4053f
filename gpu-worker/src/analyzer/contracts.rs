//! Whether what a task asks for is what the loaded pack gives.

use facesets_core::{
    ClipContract, CountContract, FaceContract, GenderAgeContract, LandmarksContract,
    contract::DET_SIZE_STEP,
    wire::{AnalyzeFaces, CountFaces, EmbedClip, ItemFailure, ItemFailureKind, PackInfo, Task},
};

use super::failed;

/// Largest detector input that may be asked for: its activations grow with the square.
const MAX_DET_SIZE: u32 = 4096;

/// Refuses a task before anything is done for it.
pub(crate) fn check(pack: &PackInfo, task: &Task) -> Result<(), ItemFailure> {
    match task {
        Task::AnalyzeFaces(task) => of_analysis(pack, task).map(drop),
        Task::CountFaces(task) => of_count(pack, task).map(drop),
        Task::EmbedClip(task) => of_clip(pack, task).map(drop),
    }
}

/// What an analysis is under.
pub(super) struct AnalysisContracts {
    pub(super) faces: FaceContract,
    pub(super) landmarks: LandmarksContract,
    /// Where gender and age are asked for.
    pub(super) gender_age: Option<GenderAgeContract>,
}

/// The contracts of an analysis, if they are those asked for.
pub(super) fn of_analysis(pack: &PackInfo, task: &AnalyzeFaces) -> Result<AnalysisContracts, ItemFailure> {
    check_pack(pack, &task.pack)?;
    let det_size = task.contract.det_size;
    check_size(det_size)?;
    let contract = pack.face_contract(det_size).ok_or_else(|| lacks(pack))?;
    if contract != task.contract {
        return Err(mismatch(format!("results are under `{contract}`, not under `{}`", task.contract)));
    }
    if let Some(asked) = &task.gender_age {
        let estimates = pack.gender_age_contract(det_size).ok_or_else(|| lacks(pack))?;
        if estimates != *asked {
            return Err(mismatch(format!("estimates are under `{estimates}`, not under `{asked}`")));
        }
    }
    let landmarks = pack.landmarks_contract(det_size).ok_or_else(|| lacks(pack))?;
    Ok(AnalysisContracts { faces: contract, landmarks, gender_age: task.gender_age })
}

/// The contracts of a count, if they are those asked for.
pub(super) fn of_count(pack: &PackInfo, task: &CountFaces) -> Result<Vec<CountContract>, ItemFailure> {
    check_pack(pack, &task.pack)?;
    let contracts = task.contracts.iter().map(|asked| {
        check_size(asked.det_size)?;
        let contract = pack.count_contract(asked.det_size).ok_or_else(|| lacks(pack))?;
        if contract != *asked {
            return Err(mismatch(format!("results are under `{contract}`, not under `{asked}`")));
        }
        Ok(contract)
    });
    contracts.collect()
}

/// The contract of a CLIP embedding, if it is the one asked for.
pub(super) fn of_clip(pack: &PackInfo, task: &EmbedClip) -> Result<ClipContract, ItemFailure> {
    check_pack(pack, &task.pack)?;
    let contract = pack.clip_contract().ok_or_else(|| lacks(pack))?;
    if contract != task.contract {
        return Err(mismatch(format!("results are under `{contract}`, not under `{}`", task.contract)));
    }
    Ok(contract)
}

fn check_pack(pack: &PackInfo, asked: &str) -> Result<(), ItemFailure> {
    if asked == pack.name {
        return Ok(());
    }
    Err(mismatch(format!("pack `{asked}` is not loaded, `{}` is", pack.name)))
}

fn check_size(det_size: u32) -> Result<(), ItemFailure> {
    if det_size == 0 || !det_size.is_multiple_of(DET_SIZE_STEP) || det_size > MAX_DET_SIZE {
        return Err(failed(
            ItemFailureKind::Unsupported,
            format!("det_size {det_size} is not a multiple of {DET_SIZE_STEP} up to {MAX_DET_SIZE}"),
        ));
    }
    Ok(())
}

fn lacks(pack: &PackInfo) -> ItemFailure {
    mismatch(format!("pack `{}` lacks the model for this task", pack.name))
}

fn mismatch(message: String) -> ItemFailure {
    failed(ItemFailureKind::ContractMismatch, message)
}
