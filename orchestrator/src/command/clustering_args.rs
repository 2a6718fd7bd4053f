//! Flags of the commands that cluster, Ctrl-C during their work, and what their summaries say of pins.

use std::fmt;

use clap::ValueEnum;
use facesets_base::exit::Hint;
use facesets_people::{
    cluster::Engine,
    pins::{PinEffect, PinKind},
};
use tokio_util::sync::CancellationToken;

use super::Context;
use crate::pass::{
    clustering::{ClusteringOptions, GalleryOptions},
    embed::Interrupt,
    memory,
};

/// Who clusters, and with how much memory.
#[derive(Debug, clap::Args)]
pub(super) struct ClusteringArgs {
    /// Who computes the clusters
    #[arg(long, value_enum, default_value_t = EngineArg::Auto)]
    engine: EngineArg,
    #[command(flatten)]
    gallery: GalleryArgs,
}

/// Which faces, and with how much memory.
#[derive(Debug, clap::Args)]
pub(super) struct GalleryArgs {
    /// Most memory to use, for example `4G`, instead of what is free
    #[arg(long, value_name = "BYTES", value_parser = memory::parse_bytes)]
    max_memory: Option<u64>,
    /// Go on even if the memory may not be enough
    #[arg(long)]
    force: bool,
    /// Contract of the embeddings, where the library has more than one (see `facesets status`)
    #[arg(long, value_name = "CONTRACT")]
    contract: Option<String>,
}

/// [`Engine`] as it is called on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EngineArg {
    /// The exact engine
    Auto,
    /// Exact, without a matrix of distances: any number of faces
    Exact,
    /// The whole matrix of distances: the reference, for at most 30,000 faces
    Dense,
}

impl ClusteringArgs {
    pub(super) fn options(&self) -> ClusteringOptions {
        let engine = match self.engine {
            EngineArg::Auto => Engine::Auto,
            EngineArg::Exact => Engine::Sparse,
            EngineArg::Dense => Engine::Dense,
        };
        ClusteringOptions { engine, gallery: self.gallery.options() }
    }
}

impl GalleryArgs {
    pub(super) fn options(&self) -> GalleryOptions {
        let Self { max_memory, force, contract } = self;
        GalleryOptions { max_memory: *max_memory, force: *force, contract: contract.clone() }
    }
}

/// What is said of pins in a summary.
pub(super) fn write_effects(f: &mut fmt::Formatter<'_>, effects: &[PinEffect]) -> fmt::Result {
    effects.iter().try_for_each(|effect| {
        let what = match effect.kind {
            PinKind::Same => "same person",
            PinKind::Different => "not the same",
            PinKind::NoFace => "not a face",
        };
        let changed = if effect.changed { "changed the result" } else { "agrees with the embeddings" };
        write!(f, "pin {} ({what}) {changed}", effect.pin)?;
        if let Some([one, other]) = effect.unites {
            let distance = effect.distance.unwrap_or_default();
            let comparison = if distance > effect.threshold.get() { '>' } else { '≤' };
            write!(
                f,
                ": it joins faces at cosine distance {distance:.3} {comparison} {}, of groups of {one} and {other} faces",
                effect.threshold
            )?;
            if effect.kept_apart {
                write!(f, ", which other pins keep apart")?;
            } else {
                write!(f, ", which are one now")?;
            }
        }
        writeln!(f)
    })
}

/// Ctrl-C during work that keeps nothing half done: the first one stops it.
pub(super) struct CtrlC {
    /// Set by the first Ctrl-C.
    pub(super) stop: CancellationToken,
    _runtime: tokio::runtime::Runtime,
}

/// Signals cannot be heard.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for Ctrl-C: {0}")]
pub(super) struct SignalError(#[from] std::io::Error);

impl Hint for SignalError {}

impl CtrlC {
    /// Listens from now on, on a thread of its own.
    pub(super) fn listen(context: &Context) -> Result<Self, SignalError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let interrupt =
            Interrupt::listen(&runtime, context.ui.clone(), "stopping: nothing is left half done");
        Ok(Self { stop: interrupt.stop, _runtime: runtime })
    }
}
