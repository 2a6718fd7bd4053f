//! Who analyses: the workers that were named, or one of our own.

use std::{path::PathBuf, sync::Arc};

use facesets_core::{FaceContract, wire::Task};

use super::{EmbedError, Interrupt, Summary};
use crate::{
    dispatch::{
        Origin, PackError, Patience, Worker, connect,
        managed::{Configuration, Managed, READY_TIMEOUT, Supervisor, find_binary},
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
    /// How much is put up with before a worker is given up.
    pub patience: Patience,
}

/// Workers with one contract.
#[derive(Debug)]
pub(super) struct Team {
    pub(super) workers: Vec<Worker>,
    /// Leaves when the team does.
    pub(super) managed: Option<Arc<Supervisor>>,
    contract: FaceContract,
    max_image_bytes: u64,
    patience: Patience,
}

impl Team {
    pub(super) fn contract(&self) -> FaceContract {
        self.contract
    }

    pub(super) fn max_image_bytes(&self) -> u64 {
        self.max_image_bytes
    }

    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    /// Nothing to do for them any more.
    pub(super) fn dismiss(self) {
        drop(self.workers);
        if let Some(managed) = self.managed {
            managed.stop();
        }
    }
}

/// Reaches the workers, or starts one, and says what it got. One that cannot be used is told of and left out, as long as there
/// is another one.
pub(super) fn gather(
    options: &WorkerOptions,
    library: &Library,
    runtime: &tokio::runtime::Runtime,
    interrupt: &Interrupt,
    monitor: &dyn Monitor,
    summary: &mut Summary,
) -> Result<Team, EmbedError> {
    let managed = if options.addresses.is_empty() {
        Some(Arc::new(Supervisor::start(managed(options, library)?, interrupt.stop.clone())?))
    } else {
        None
    };
    let mut workers: Vec<Worker> = Vec::new();
    let mut left_out = Vec::new();
    for (address, token, origin) in ways(options, managed.as_ref()) {
        let reached = reach(options, &address, token.as_deref(), origin, workers.first(), runtime);
        let worker = match reached {
            Ok(worker) => worker,
            Err(error) => {
                left_out.push((address, error));
                continue;
            }
        };
        let is = worker.connection.description();
        let at = if managed.is_some() { String::new() } else { format!(", at {address}") };
        monitor.note(&format!(
            "worker: {} (provider {}, pack `{}`{at})",
            is.device,
            is.provider,
            worker.task.pack()
        ));
        summary.device.get_or_insert_with(|| is.device.clone());
        summary.provider.get_or_insert_with(|| is.provider.clone());
        workers.push(worker);
    }
    let Some(first) = workers.first() else {
        let first_error = left_out.into_iter().next().map(|(_, error)| error);
        return Err(first_error.unwrap_or_else(|| PackError::None.into()));
    };
    for (address, error) in &left_out {
        monitor.note(&format!("the worker at {address} is left out: {error}"));
    }
    let contract = contract_of(first);
    summary.contract = Some(contract.to_string());
    let theirs = workers.iter().map(|worker| worker.connection.description().limits.max_bytes).min();
    let max_image_bytes = theirs.into_iter().chain(options.max_image_bytes).min().unwrap_or(u64::MAX);
    Ok(Team { workers, managed, contract, max_image_bytes, patience: options.patience })
}

fn ways(options: &WorkerOptions, managed: Option<&Arc<Supervisor>>) -> Vec<(String, Option<String>, Origin)> {
    if let Some(supervisor) = managed {
        let own = supervisor
            .way()
            .map(|(address, token)| (address, Some(token), Origin::Managed(Arc::clone(supervisor))));
        return own.into_iter().collect();
    }
    let remote = |address: &String| {
        let (address, token) = (address.clone(), options.token.clone());
        (address.clone(), token.clone(), Origin::Remote { address, token })
    };
    options.addresses.iter().map(remote).collect()
}

/// A worker that can do what the first one does: its contract decides, since results of different ones are never mixed.
fn reach(
    options: &WorkerOptions,
    address: &str,
    token: Option<&str>,
    origin: Origin,
    first: Option<&Worker>,
    runtime: &tokio::runtime::Runtime,
) -> Result<Worker, EmbedError> {
    let connection = runtime.block_on(connect(address, token))?;
    let task = task_for(connection.description(), options.pack.as_deref(), options.det_size)?;
    match first {
        Some(first) if contract_of(first) != task.contract => {
            Err(PackError::OtherModels { pack: task.pack, first: first.connection.address().to_owned() }
                .into())
        }
        _ => Ok(Worker { connection, task: task.into(), origin }),
    }
}

/// What a worker of [`reach`] is asked for.
fn contract_of(worker: &Worker) -> FaceContract {
    match &worker.task {
        Task::AnalyzeFaces(task) => task.contract,
        Task::CountFaces(_) | Task::EmbedClip(_) => unreachable!("faces are all that is asked for here"),
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
