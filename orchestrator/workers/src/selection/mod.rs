//! Who analyses: the workers that were named, or one of our own.

mod error;
pub mod trial;
pub mod workers_file;

use std::{env, io, path::PathBuf, sync::Arc};

use facesets_base::{exit::Hint as _, library::Library, monitor::Monitor};
use facesets_core::{
    FaceContract, LandmarksContract,
    wire::{AnalyzeFaces, Task},
};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

pub use error::SelectionError;
pub use workers_file::WorkersFileError;

use crate::dispatch::{
    PackError, Patience, Plaintext, Token, Worker, WorkerEndpoint, WorkerSource, connect,
    managed::{Configuration, Managed, READY_TIMEOUT, Supervisor, find_binary},
    task_for,
};

/// Who analyses, and with what.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Addresses of running workers.
    pub addresses: Vec<String>,
    /// Token of the workers at these addresses.
    pub token: Option<String>,
    /// Whether that token may go to these addresses unencrypted.
    pub plaintext: Plaintext,
    /// A file that names more of them. Where neither it nor an address is given, the library may have one, or
    /// else the user.
    pub file: Option<PathBuf>,
    /// The user's file, which need not be there nor name anybody.
    pub user_file: Option<PathBuf>,
    /// When to start one of our own.
    pub local: Local,
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

/// Threads for the network: they move bytes and wait; reading, hashing and writing have threads of their own.
const NETWORK_THREADS: usize = 2;

/// The threads on which workers are spoken to.
pub fn network() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(NETWORK_THREADS).enable_all().build()
}

/// The user's file of workers: `facesets/workers.toml` in the XDG configuration folder. `None` where there is
/// no home.
pub fn user_file() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(folder.join("facesets/workers.toml"))
}

/// When to start a worker of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Local {
    /// Where no other one is named.
    #[default]
    Alone,
    /// In any case, beside those that the flags name; the files of library and user are not looked at.
    Beside,
}

/// Workers with one contract: that of the first one that can be used. Others are left out if they have
/// another one.
#[derive(Debug)]
pub struct Workers {
    /// With the task of analysing faces; never empty.
    pub workers: Vec<Worker>,
    /// Leaves when the team does.
    pub managed: Option<Arc<Supervisor>>,
    contract: FaceContract,
    max_image_bytes: u64,
    patience: Patience,
}

impl Workers {
    /// What its face analyses are under.
    pub fn contract(&self) -> FaceContract {
        self.contract
    }

    /// What the first of them says of its landmarks; `None` where its pack has none.
    pub fn landmarks_contract(&self) -> Option<LandmarksContract> {
        let worker = self.workers.first()?;
        let packs = &worker.connection.description().packs;
        let pack = packs.iter().find(|pack| pack.name == task_of(worker).pack)?;
        pack.landmarks_contract(self.contract.det_size)
    }

    /// Largest encoded image that all of them take, in bytes.
    pub fn max_image_bytes(&self) -> u64 {
        self.max_image_bytes
    }

    /// How much is put up with before one of them is given up.
    pub fn patience(&self) -> Patience {
        self.patience
    }

    /// Nothing to do for them any more.
    pub fn dismiss(self) {
        drop(self.workers);
        if let Some(managed) = self.managed {
            managed.stop();
        }
    }
}

/// Reaches the workers, or starts one, and says what it got. One that cannot be used is told of and left out,
/// as long as there is another one.
pub fn gather(
    options: &WorkerOptions,
    library: &Library,
    runtime: &Runtime,
    stop: &CancellationToken,
    monitor: &dyn Monitor,
) -> Result<Workers, SelectionError> {
    let remote = remote(options, library, monitor)?;
    let managed = if remote.is_empty() || options.local == Local::Beside {
        Some(Arc::new(Supervisor::start(managed(options, library)?, stop.clone())?))
    } else {
        None
    };
    let mut workers: Vec<Worker> = Vec::new();
    let mut left_out = Vec::new();
    let own = managed.iter().filter_map(|supervisor| {
        Some((supervisor.endpoint()?, WorkerSource::Managed(Arc::clone(supervisor))))
    });
    let others = remote.into_iter().map(|endpoint| (endpoint.clone(), WorkerSource::Remote(endpoint)));
    for (endpoint, origin) in own.chain(others) {
        let remote = matches!(origin, WorkerSource::Remote(_));
        let worker = match reach(options, &endpoint, origin, workers.first(), runtime) {
            Ok(worker) => worker,
            Err(error) => {
                left_out.push((endpoint.label(), error));
                continue;
            }
        };
        let at = if remote { format!(", at {}", endpoint.label()) } else { String::new() };
        let is = worker.connection.description();
        monitor.note(&format!(
            "worker: {} (provider {}, pack `{}`{at})",
            is.device,
            is.provider,
            task_of(&worker).pack
        ));
        workers.push(worker);
    }
    let Some(first) = workers.first() else {
        let first_error = left_out.into_iter().next().map(|(_, error)| error);
        return Err(first_error.unwrap_or_else(|| PackError::None.into()));
    };
    for (label, error) in &left_out {
        let hint = error.hint().map_or(String::new(), |hint| format!(" ({hint})"));
        monitor.note(&format!("the worker at {label} is left out: {error}{hint}"));
    }
    let contract = task_of(first).contract;
    let theirs = workers.iter().map(|worker| worker.connection.description().limits.max_bytes).min();
    let max_image_bytes = theirs.into_iter().chain(options.max_image_bytes).min().unwrap_or(u64::MAX);
    Ok(Workers { workers, managed, contract, max_image_bytes, patience: options.patience })
}

/// The endpoints to the workers that others run: those that the flags name, else those that the library's
/// file names.
fn remote(
    options: &WorkerOptions,
    library: &Library,
    monitor: &dyn Monitor,
) -> Result<Vec<WorkerEndpoint>, SelectionError> {
    let token = options.token.as_deref().map(str::parse::<Token>).transpose()?;
    let named = |address: &String| WorkerEndpoint {
        token: token.clone(),
        plaintext: options.plaintext,
        ..WorkerEndpoint::to(address)
    };
    let mut endpoints: Vec<WorkerEndpoint> = options.addresses.iter().map(named).collect();
    let library_file = library.workers_file();
    let mut roster = None;
    if let Some(file) = &options.file {
        roster = Some((file, workers_file::read(file)?));
    } else if endpoints.is_empty() && options.local == Local::Alone {
        if library_file.exists() {
            roster = Some((&library_file, workers_file::read(&library_file)?));
        } else if let Some(file) = options.user_file.as_ref().filter(|file| file.exists()) {
            roster = match workers_file::read(file) {
                // `worker remove` has taken the last one out.
                Err(WorkersFileError::Empty(_)) => None,
                read => Some((file, read?)),
            };
        }
    }
    if let Some((file, roster)) = roster {
        monitor.note(&format!("workers are those that `{}` names", file.display()));
        for exposed in roster.exposed {
            monitor.note(&format!(
                "others than its owner may read the token in `{0}`: close it with `chmod 600 {0}`",
                exposed.display()
            ));
        }
        endpoints.extend(roster.endpoints);
    }
    Ok(endpoints)
}

/// A worker that can do what the first one does: its contract decides, since results of different ones are
/// never mixed.
fn reach(
    options: &WorkerOptions,
    endpoint: &WorkerEndpoint,
    origin: WorkerSource,
    first: Option<&Worker>,
    runtime: &Runtime,
) -> Result<Worker, SelectionError> {
    let connection = runtime.block_on(connect(endpoint))?;
    let task = task_for(connection.description(), options.pack.as_deref(), options.det_size)?;
    match first {
        Some(first) if task_of(first).contract != task.contract => Err(PackError::OtherModels {
            pack: task.pack,
            contract: Box::new(task.contract),
            first: first.connection.label().to_owned(),
            wanted: Box::new(task_of(first).contract),
        }
        .into()),
        _ => Ok(Worker { connection, tasks: vec![task.into()], origin }),
    }
}

/// What a worker of [`reach`] is asked for.
fn task_of(worker: &Worker) -> &AnalyzeFaces {
    match &worker.tasks[..] {
        [Task::AnalyzeFaces(task)] => task,
        _ => unreachable!("faces are all that is asked for here"),
    }
}

fn managed(options: &WorkerOptions, library: &Library) -> Result<Managed, SelectionError> {
    Ok(Managed {
        binary: find_binary(options.binary.as_deref())?,
        log: library.log_file("worker"),
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
