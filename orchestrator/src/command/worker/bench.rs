//! `facesets worker bench NAME [PHOTO…]`: how fast bytes get there, and photos come back as faces.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use facesets_base::exit::{Exit, Failure, Hint};
use facesets_core::contract::DEFAULT_DET_SIZE;
use facesets_library::source::disk::{ScanOptions, absolute_roots, scan};
use facesets_workers::{
    dispatch::{Worker, WorkerSource, connect, task_for},
    selection::trial::{Measured, Sample, measure},
};
use serde::Serialize;

use super::{Context, called, network};
use crate::command::clustering_args::CtrlC;

/// Flags of `worker bench`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name or address of the worker
    name: String,
    /// Photos, or folders of them, to have analysed; without any, only the link is measured
    #[arg(value_name = "PHOTO")]
    photos: Vec<PathBuf>,
    /// How much to send in made-up files that are no photos, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(4..=65536))]
    megabytes: u64,
    /// Model pack to use [default: the worker's]
    #[arg(long, value_name = "NAME", env = "FACESETS_PACK")]
    pack: Option<String>,
}

#[derive(Debug, Serialize)]
struct Summary {
    worker: String,
    link: Figures,
    photos: Option<Figures>,
}

#[derive(Debug, Serialize)]
struct Figures {
    files: u64,
    analysed: u64,
    bytes: u64,
    seconds: f64,
    /// 10^6 bytes a second.
    megabytes_per_second: f64,
    files_per_second: f64,
}

/// Nothing to analyse.
#[derive(Debug, thiserror::Error)]
#[error("there is no photo under what was named")]
struct NoPhoto;

impl Hint for NoPhoto {}

/// Runs the command.
pub(super) fn run(args: &Args, file: &Path, context: &Context) -> Result<Exit, Failure> {
    let endpoint = called(&args.name, file, context)?;
    let ctrl_c = CtrlC::listen(context)?;
    let photos = if args.photos.is_empty() {
        None
    } else {
        let roots = absolute_roots(&args.photos)?;
        let found = scan(&roots, &ScanOptions::default(), context.monitor(), &ctrl_c.stop).files;
        let files: Vec<_> = found.into_iter().map(|file| (file.path, file.sighting.size)).collect();
        if files.is_empty() {
            return Err(NoPhoto.into());
        }
        Some(Sample::of_files(files))
    };
    let runtime = network()?;
    let connection = runtime.block_on(connect(&endpoint))?;
    let task = task_for(connection.description(), args.pack.as_deref(), DEFAULT_DET_SIZE)?;
    let worker =
        Worker { connection, tasks: vec![task.into()], origin: WorkerSource::Remote(endpoint.clone()) };
    let run = |worker, sample| runtime.block_on(measure(worker, sample, &ctrl_c.stop)).map(Figures::of);
    // Without a task, the worker receives the bytes and drops them: no lane is busy with them, and its
    // metrics count no failures.
    let receiver = Worker { tasks: Vec::new(), ..worker.clone() };
    let link = run(receiver, Sample::made_up(args.megabytes << 20))?;
    let photos = photos.map(|sample| run(worker, sample)).transpose()?;
    if ctrl_c.stop.is_cancelled() {
        return Ok(Exit::Interrupted);
    }
    let complete = photos.as_ref().is_none_or(|photos| photos.analysed == photos.files);
    context.ui.summary(&Summary { worker: endpoint.label(), link, photos })?;
    Ok(if complete { Exit::Done } else { Exit::SomeFailed })
}

impl Figures {
    fn of(measured: Measured) -> Self {
        let Measured { answered, analysed, bytes, elapsed } = measured;
        let seconds = elapsed.as_secs_f64();
        let rate = |amount: f64| (amount / seconds * 10.0).round() / 10.0;
        Self {
            files: answered,
            analysed,
            bytes,
            seconds: (seconds * 1000.0).round() / 1000.0,
            megabytes_per_second: rate(bytes as f64 / 1e6),
            files_per_second: rate(answered as f64),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "worker  {}", self.worker)?;
        writeln!(
            f,
            "link    {} MB/s ({} MB of files that are no photos in {} s)",
            self.link.megabytes_per_second,
            self.link.bytes / 1_000_000,
            self.link.seconds
        )?;
        if let Some(photos) = &self.photos {
            writeln!(
                f,
                "photos  {}/s, {} MB/s ({} in {} s, {} of them analysed)",
                photos.files_per_second,
                photos.megabytes_per_second,
                photos.files,
                photos.seconds,
                photos.analysed
            )?;
        }
        Ok(())
    }
}
