//! The command line: flags, their environment and their defaults.

use std::{env, num::NonZeroUsize, path::PathBuf};

use clap::{Args, CommandFactory as _, Parser, Subcommand, builder::Resettable};

use facesets_core::pairing::{ClientName, WorkerAddress};

use crate::{
    engine::ProviderChoice,
    settings::{ConfigFile, FileError, Settings, config_file, default_models, default_state},
    trust::Trust,
};

/// Streams images in and faces out, through ONNX Runtime, over gRPC.
#[derive(Debug, Parser)]
#[command(name = "facesets-worker", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until stopped (Ctrl-C finishes what is in flight).
    Serve(Box<ServeArgs>),
    /// Look after model packs.
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Make a code with which one client on another machine can pair: `facesets worker add CODE` there.
    Pair(PairArgs),
    /// See which clients have paired, or forget one.
    #[command(subcommand)]
    Clients(ClientsCommand),
    /// Measure how fast this machine works on photos, stage by stage.
    Bench(BenchArgs),
}

/// The command line of this process; a wrong one is told of and ends it.
///
/// clap's usage lines show what variables have set as if it had to be typed. So the fault is told by a parser
/// that knows of no variables, where that one finds the same.
pub fn parse() -> Cli {
    let told = |error: clap::Error| {
        let plain = without_variables(Cli::command()).try_get_matches_from(env::args_os()).err();
        let plain = plain.filter(|plain| plain.use_stderr() && plain.kind() == error.kind());
        plain.unwrap_or(error).exit()
    };
    Cli::try_parse().unwrap_or_else(told)
}

fn without_variables(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| arg.env(Resettable::Reset)).mut_subcommands(without_variables)
}

/// `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Photos, or folders of them [default: a drawn picture].
    pub photos: Vec<PathBuf>,
    /// Where packs are.
    #[command(flatten)]
    pub models: ModelsDir,
    /// Model pack to load [default: `buffalo_l` where it is there, else `open`].
    #[arg(long, env = "FACESETS_PACK", value_name = "NAME")]
    pub pack: Option<String>,
    /// ONNX Runtime library, or the folder that holds it [default: beside this program, then beside the
    /// models folder, then facesets/onnxruntime in the user's data folder].
    #[arg(long, env = "FACESETS_RUNTIME", value_name = "FILE")]
    pub runtime: Option<PathBuf>,
    /// Where the models run, as for `serve`; `auto` is the processor here.
    #[arg(long, env = "FACESETS_PROVIDER", value_name = "NAME", default_value = "auto")]
    pub provider: ProviderChoice,
    /// Device of the provider, counted from 0.
    #[arg(long, env = "FACESETS_DEVICE_ID", value_name = "NUMBER")]
    pub device_id: Option<u32>,
    /// Let single operators that the provider lacks run on the processor.
    #[arg(long)]
    pub allow_cpu_fallback: bool,
    /// Photos in work at once.
    #[arg(long)]
    pub lanes: Option<NonZeroUsize>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// Measurements, in turns with the bare ceiling; the medians are printed.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub runs: u64,
    /// Enlarge or shrink every photo to so many million pixels first, as JPEG of quality 90.
    #[arg(long, value_name = "MILLIONS", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub megapixels: Option<u32>,
    /// Instead of models, a device that takes so many milliseconds for every batch and leaves the processor
    /// alone.
    #[arg(long, value_name = "MILLISECONDS")]
    pub simulate: Option<u64>,
    /// Faces that the simulated device finds in every photo.
    #[arg(long, default_value_t = 2, requires = "simulate", value_parser = clap::value_parser!(u64).range(0..=64))]
    pub faces: u64,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// How to serve.
    #[command(flatten)]
    pub settings: Settings,
    /// Where else it may be said.
    #[command(flatten)]
    pub config: ConfigArg,
    /// Print the settings that count and where each comes from, as a configuration file, and stop.
    #[arg(long)]
    pub print_config: bool,
    /// Be managed by a parent process: one line of JSON on stdin, one on stdout, end of input stops.
    #[arg(long, conflicts_with = "print_config")]
    pub managed: bool,
}

/// A configuration file.
#[derive(Debug, Args)]
pub struct ConfigArg {
    /// Configuration file in TOML, with the names of the flags as keys [default: facesets/worker.toml in the
    /// user's configuration folder, if it is there]. Flags and environment count more.
    #[arg(long = "config", env = "FACESETS_WORKER_CONFIG", value_name = "FILE")]
    path: Option<PathBuf>,
}

impl ConfigArg {
    /// Reads it.
    pub fn read(&self) -> Result<ConfigFile, FileError> {
        config_file(self.path.as_deref())
    }
}

/// `pair`.
#[derive(Debug, Args)]
pub struct PairArgs {
    /// Where the client finds this worker [default: where `serve` listens; if that is every address, the one
    /// of this machine that leads to other networks].
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<WorkerAddress>,
    /// How long the code can be used, in minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1440))]
    pub valid: u64,
    /// Whom the worker trusts.
    #[command(flatten)]
    pub state: StateDir,
}

/// `clients …`.
#[derive(Debug, Subcommand)]
pub enum ClientsCommand {
    /// List the clients that have paired.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Whom the worker trusts.
        #[command(flatten)]
        state: StateDir,
    },
    /// Forget a client: its token ends within a second, and so does what it has running.
    Revoke {
        /// Name of the client.
        name: ClientName,
        /// Whom the worker trusts.
        #[command(flatten)]
        state: StateDir,
    },
}

/// Where the certificate and the clients are.
#[derive(Debug, Args)]
pub struct StateDir {
    /// Folder of the worker's certificate and of the clients that it knows [default: facesets/worker in the
    /// user's data folder].
    #[arg(long = "state", env = "FACESETS_WORKER_STATE", value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Where else it may be said.
    #[command(flatten)]
    config: ConfigArg,
}

impl StateDir {
    /// Whom the worker trusts, as `serve` would find it.
    pub fn trust(&self) -> Result<Trust, FileError> {
        let folder = match &self.folder {
            Some(folder) => folder.clone(),
            None => self.config.read()?.settings.state.unwrap_or_else(default_state),
        };
        Ok(Trust::new(folder))
    }
}

/// `models …`.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Download a pack and verify it.
    Fetch {
        /// Name of the pack.
        pack: String,
        /// Accept the licence of the weights, which is printed without this flag.
        #[arg(long)]
        accept_license: bool,
        /// Take the archive from here; it must be the same file.
        #[arg(long)]
        url: Option<String>,
        /// Where packs are.
        #[command(flatten)]
        models: ModelsDir,
    },
    /// List the packs that are there.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Where packs are.
        #[command(flatten)]
        models: ModelsDir,
    },
    /// Compare the files of one pack, or of all, with their manifests.
    Verify {
        /// Name of the pack.
        pack: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Where packs are.
        #[command(flatten)]
        models: ModelsDir,
    },
    /// Remove a pack, with what an interrupted download left of it. Refused while a worker uses it.
    Remove {
        /// Name of the pack.
        pack: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Where packs are.
        #[command(flatten)]
        models: ModelsDir,
    },
}

/// Where packs are.
#[derive(Debug, Args)]
pub struct ModelsDir {
    /// Folder of model packs [default: facesets/models in the user's data folder].
    #[arg(long = "models", env = "FACESETS_MODELS", value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Where else it may be said.
    #[command(flatten)]
    config: ConfigArg,
}

impl ModelsDir {
    /// The folder, as `serve` would find it.
    pub fn folder(&self) -> Result<PathBuf, FileError> {
        match &self.folder {
            Some(folder) => Ok(folder.clone()),
            None => Ok(self.config.read()?.settings.models.unwrap_or_else(default_models)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_flags_it_serves_the_default_pack_on_loopback() {
        let cli = Cli::try_parse_from(["facesets-worker", "serve"]).unwrap();
        let Command::Serve(serve) = cli.command else { panic!("{cli:?}") };
        let settings = serve.settings.over(Settings::defaults());
        assert!(settings.listen.unwrap().ip().is_loopback());
        assert!(settings.models.unwrap().ends_with("facesets/models"));
        assert_eq!(settings.pack.unwrap(), "buffalo_l");
    }

    #[test]
    fn a_switch_may_be_turned_off_where_a_file_turns_it_on() {
        for (flag, meaning) in [("", true), ("=false", false)] {
            let flags = ["--allow-plaintext", "--tls", "--reflection"].map(|name| format!("{name}{flag}"));
            let words = ["facesets-worker", "serve"].into_iter().map(str::to_owned).chain(flags);
            let cli = Cli::try_parse_from(words).unwrap();
            let Command::Serve(serve) = cli.command else { panic!("{cli:?}") };
            let Settings { allow_plaintext, tls, reflection, .. } = serve.settings;
            assert_eq!([allow_plaintext, tls, reflection], [Some(meaning); 3]);
        }
    }
}
