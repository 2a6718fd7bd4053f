//! Who analyses: the workers that were named, or one of our own.

use std::path::PathBuf;

use facesets_core::FaceContract;

use super::{EmbedError, Interrupt, Summary};
use crate::{
    dispatch::{
        Worker, connect,
        managed::{Configuration, Managed, ManagedWorker, READY_TIMEOUT, find_binary},
        task_for,
    },
    library::Library,
    log,
    monitor::Monitor,
};

/// Who analyses, and with what.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Addresses of running workers; none to start one of our own.
    pub addresses: Vec<String>,
    /// Token of the running workers.
    pub token: Option<String>,
    /// Side of the detector's input in pixels.
    pub det_size: u32,
    /// Program to start; the one beside this program if none is given.
    pub binary: Option<PathBuf>,
    /// Folder of model packs.
    pub models: Option<PathBuf>,
    /// Pack to use; the only one if none is given.
    pub pack: Option<String>,
    /// ONNX Runtime library.
    pub runtime: Option<PathBuf>,
    /// Images analysed at the same time.
    pub lanes: Option<u32>,
    /// Largest encoded image in bytes.
    pub max_image_bytes: Option<u64>,
    /// Largest decoded image in pixels.
    pub max_pixels: Option<u64>,
}

/// Workers with one contract.
#[derive(Debug)]
pub(super) struct Team {
    pub(super) workers: Vec<Worker>,
    /// Leaves when the team does.
    pub(super) managed: Option<ManagedWorker>,
    contract: FaceContract,
    max_image_bytes: u64,
}

impl Team {
    pub(super) fn contract(&self) -> FaceContract {
        self.contract
    }

    pub(super) fn max_image_bytes(&self) -> u64 {
        self.max_image_bytes
    }

    /// Nothing to do for them.
    pub(super) fn dismiss(self) {
        drop(self.workers);
        if let Some(managed) = self.managed {
            managed.stop();
        }
    }
}

/// Reaches every worker, or starts one, and says what it got.
pub(super) fn gather(
    options: &WorkerOptions,
    library: &Library,
    runtime: &tokio::runtime::Runtime,
    interrupt: &Interrupt,
    monitor: &dyn Monitor,
    summary: &mut Summary,
) -> Result<Team, EmbedError> {
    let (managed, addresses, token) = if options.addresses.is_empty() {
        let managed = ManagedWorker::start(&managed(options, library)?, &interrupt.stop)?;
        let (address, token) = (managed.ready().address.clone(), managed.token().to_owned());
        (Some(managed), vec![address], Some(token))
    } else {
        (None, options.addresses.clone(), options.token.clone())
    };
    let mut workers = Vec::new();
    for address in &addresses {
        let connection = runtime.block_on(connect(address, token.as_deref()))?;
        let task = task_for(connection.description(), options.pack.as_deref(), options.det_size)?;
        let worker = connection.description();
        monitor.note(&format!(
            "worker: {} (provider {}, pack `{}`{})",
            worker.device,
            worker.provider,
            task.pack,
            if managed.is_some() { String::new() } else { format!(", at {address}") }
        ));
        summary.device.get_or_insert_with(|| worker.device.clone());
        summary.provider.get_or_insert_with(|| worker.provider.clone());
        workers.push(Worker { connection, task });
    }
    let contract = common_contract(&workers)?;
    summary.contract = Some(contract.to_string());
    let theirs = workers.iter().map(|worker| worker.connection.description().limits.max_bytes).min();
    let max_image_bytes = theirs.into_iter().chain(options.max_image_bytes).min().unwrap_or(u64::MAX);
    Ok(Team { workers, managed, contract, max_image_bytes })
}

fn common_contract(workers: &[Worker]) -> Result<FaceContract, EmbedError> {
    let mut contracts = workers.iter().map(|worker| worker.task.contract);
    let first = contracts.next().ok_or(crate::dispatch::PackError::None)?;
    match contracts.find(|contract| *contract != first) {
        None => Ok(first),
        Some(other) => Err(EmbedError::ContractsDiffer { first: first.into(), other: other.into() }),
    }
}

fn managed(options: &WorkerOptions, library: &Library) -> Result<Managed, EmbedError> {
    Ok(Managed {
        binary: find_binary(options.binary.as_deref())?,
        log: library.logs().join(log::file_name("worker")),
        configuration: Configuration {
            listen: "127.0.0.1:0".to_owned(),
            models: options.models.clone(),
            pack: options.pack.clone(),
            runtime: options.runtime.clone(),
            lanes: options.lanes,
            max_image_bytes: options.max_image_bytes,
            max_pixels: options.max_pixels,
        },
        ready_timeout: READY_TIMEOUT,
    })
}
