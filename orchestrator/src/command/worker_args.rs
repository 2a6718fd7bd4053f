//! Flags that say who analyses and with what, of the commands that analyse.

use std::{path::PathBuf, time::Duration};

use facesets_core::contract::{DEFAULT_DET_SIZE, DET_SIZE_STEP};
use facesets_library::store::FileSystemPolicy;
use facesets_workers::{
    dispatch::{Patience, Plaintext},
    selection::{self, Local, WorkerOptions},
};

/// Largest detector input that anybody needs: far beyond every camera's long side it only takes time.
const MAX_DET_SIZE: u32 = 8192;

/// Who analyses, with what, into which library.
#[derive(Debug, clap::Args)]
pub(super) struct WorkerArgs {
    #[command(flatten)]
    reach: ReachArgs,
    /// Side of the detector's input in pixels, a multiple of 32; part of the contract
    #[arg(long, value_name = "PIXELS", default_value_t = DEFAULT_DET_SIZE, value_parser = det_size)]
    det_size: u32,
    /// Allow a library on a Windows drive or the like (9p, drvfs), with a slower journal
    #[arg(long)]
    unsafe_fs: bool,
}

/// Who analyses, and with what.
#[derive(Debug, clap::Args)]
pub(super) struct ReachArgs {
    /// Address of a running worker, may be repeated; the first one that can be used decides which models
    /// count, and those with others are left out. Without any, the workers of `workers.toml` in the library's
    /// folder are used, or those that `facesets worker add` has added, or one is started here
    #[arg(long = "worker", value_name = "URL", env = "FACESETS_WORKER", value_delimiter = ',')]
    workers: Vec<String>,
    /// Token of the workers given by `--worker`
    #[arg(long, value_name = "TOKEN", env = "FACESETS_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Send that token, and photos, to other machines unencrypted: only on a network you trust
    #[arg(long)]
    allow_plaintext: bool,
    /// More workers: a TOML file of `[[worker]]` tables with `url`, and `name`, `token` or `token_file`,
    /// `certificate_sha256`, `allow_plaintext`
    #[arg(long, value_name = "FILE", env = "FACESETS_WORKERS_FILE")]
    workers_file: Option<PathBuf>,
    /// Start a worker on this machine too, beside those of `--worker` and `--workers-file`
    #[arg(long)]
    local_worker: bool,
    /// Worker program to start [default: `facesets-worker` beside this program]
    #[arg(long, value_name = "FILE", env = "FACESETS_WORKER_BINARY")]
    worker_binary: Option<PathBuf>,
    /// Folder of model packs, for the worker that is started
    #[arg(long, value_name = "DIR", env = "FACESETS_MODELS")]
    models: Option<PathBuf>,
    /// Model pack to use, such as `buffalo_l`
    #[arg(long, value_name = "NAME", env = "FACESETS_PACK")]
    pack: Option<String>,
    /// ONNX Runtime library, for the worker that is started
    #[arg(long, value_name = "FILE", env = "FACESETS_RUNTIME")]
    runtime: Option<PathBuf>,
    /// Images analysed at the same time, for the worker that is started
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    lanes: Option<u32>,
    /// Largest file to analyse, in bytes [default: the worker's limit, 256 MiB]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    max_image_bytes: Option<u64>,
    /// Largest image to analyse, in pixels, for the worker that is started [default: 200 million]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u64).range(1..))]
    max_pixels: Option<u64>,
    /// Seconds of silence after which a worker that has photos to analyse is taken for hung [default: 300]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    item_timeout: Option<u64>,
}

impl WorkerArgs {
    pub(super) fn file_system(&self) -> FileSystemPolicy {
        if self.unsafe_fs { FileSystemPolicy::RollbackJournal } else { FileSystemPolicy::Refuse }
    }

    pub(super) fn options(&self) -> WorkerOptions {
        self.reach.options(self.det_size)
    }
}

impl ReachArgs {
    /// With faces detected at `det_size`.
    pub(super) fn options(&self, det_size: u32) -> WorkerOptions {
        WorkerOptions {
            addresses: self.workers.clone(),
            token: self.token.clone(),
            plaintext: if self.allow_plaintext { Plaintext::Everywhere } else { Plaintext::LoopbackOnly },
            file: self.workers_file.clone(),
            user_file: selection::user_file(),
            local: if self.local_worker { Local::Beside } else { Local::Alone },
            det_size,
            binary: self.worker_binary.clone(),
            models: self.models.clone(),
            pack: self.pack.clone(),
            runtime: self.runtime.clone(),
            lanes: self.lanes,
            max_image_bytes: self.max_image_bytes,
            max_pixels: self.max_pixels,
            patience: Patience {
                silence: self.item_timeout.map_or(Patience::default().silence, Duration::from_secs),
                ..Patience::default()
            },
        }
    }
}

fn det_size(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(size) if (DET_SIZE_STEP..=MAX_DET_SIZE).contains(&size) && size.is_multiple_of(DET_SIZE_STEP) => {
            Ok(size)
        }
        _ => Err(format!("a multiple of {DET_SIZE_STEP} up to {MAX_DET_SIZE} is needed")),
    }
}
