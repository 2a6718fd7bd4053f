//! The settings of `serve`, from wherever they are said, and which of several voices counts.
//!
//! In this order: what a parent process says, flags, environment, the configuration file, the defaults. These
//! lie in the user's data folder, where `scripts/setup` and `models fetch` put models and runtime.

mod file;
mod print;

use std::{
    env,
    net::SocketAddr,
    num::{NonZeroU64, NonZeroUsize},
    path::{Path, PathBuf},
};

use clap::Args;
use serde::{Deserialize, Serialize};

pub use file::{ConfigFile, FileError, config_file, default_config_file};
pub use print::effective;

use crate::{engine::ProviderChoice, model_pack::list, service::Limits};

/// Each field as the flag of the same name; `None` where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Address and port; port 0 takes a free one [default: 127.0.0.1:50551].
    #[arg(long, env = "FACESETS_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Folder of model packs [default: facesets/models in the user's data folder].
    #[arg(long, env = "FACESETS_MODELS", value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Model packs to load at once and to keep, separated by commas; any other is loaded when it is asked for
    /// [default: `buffalo_l` where it is there, else `open`].
    #[arg(long, env = "FACESETS_PACK", value_name = "NAME,…")]
    pub pack: Option<String>,
    /// Most packs in memory; the one that was used the longest ago makes room [default: 3].
    #[arg(long, env = "FACESETS_MAX_PACKS", value_name = "NUMBER")]
    pub max_packs: Option<NonZeroUsize>,
    /// A pack that nobody asks for so long leaves the memory, unless it was named at start [default: 600].
    #[arg(long, env = "FACESETS_IDLE_UNLOAD_SECONDS", value_name = "SECONDS")]
    pub idle_unload_seconds: Option<u64>,
    /// ONNX Runtime library, or the folder that holds it [default: beside this program, then beside the
    /// models folder, then facesets/onnxruntime in the user's data folder].
    #[arg(long, env = "FACESETS_RUNTIME", value_name = "FILE")]
    pub runtime: Option<PathBuf>,
    /// Where the models run: auto, cpu, directml, cuda, openvino, migraphx, or ONNX Runtime's own name of
    /// another. `auto` takes the first that works of cuda, migraphx, directml, openvino, cpu [default: auto].
    #[arg(long, env = "FACESETS_PROVIDER", value_name = "NAME")]
    pub provider: Option<ProviderChoice>,
    /// Device of the provider, counted from 0 [default: the provider's own choice].
    #[arg(long, env = "FACESETS_DEVICE_ID", value_name = "NUMBER")]
    pub device_id: Option<u32>,
    /// Let single operators that the provider lacks run on the processor, instead of refusing to start.
    #[arg(long, env = "FACESETS_ALLOW_CPU_FALLBACK", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub allow_cpu_fallback: Option<bool>,
    /// Photos in work at once [default: on the processor the cores, at most 4, each with its own copy of the
    /// models; on a device, which they share, the cores and 32].
    #[arg(long, env = "FACESETS_LANES", value_name = "NUMBER")]
    pub lanes: Option<NonZeroUsize>,
    /// Largest encoded image in bytes [default: 256 MiB].
    #[arg(long, env = "FACESETS_MAX_IMAGE_BYTES", value_name = "BYTES")]
    pub max_image_bytes: Option<u64>,
    /// Largest decoded image in pixels [default: 200 million].
    #[arg(long, env = "FACESETS_MAX_PIXELS", value_name = "PIXELS")]
    pub max_pixels: Option<u64>,
    /// Bytes of encoded images in flight at once, of all clients; one client has a quarter, and in any case
    /// one image [default: 1 GiB].
    #[arg(long, env = "FACESETS_MAX_BYTES_IN_FLIGHT", value_name = "BYTES")]
    pub max_bytes_in_flight: Option<u64>,
    /// Connections at once, of all clients [default: 64].
    #[arg(long, env = "FACESETS_MAX_CONNECTIONS", value_name = "NUMBER")]
    pub max_connections: Option<NonZeroUsize>,
    /// Connections at once from one address [default: 8].
    #[arg(long, env = "FACESETS_MAX_CONNECTIONS_PER_CLIENT", value_name = "NUMBER")]
    pub max_connections_per_client: Option<NonZeroUsize>,
    /// An image that is not complete so long after it began ends its stream, unless it comes at 16 KiB/s or
    /// faster [default: 120].
    #[arg(long, env = "FACESETS_STALL_SECONDS", value_name = "SECONDS")]
    pub stall_seconds: Option<NonZeroU64>,
    /// A connection that has had no call for so long is closed; health is no such call [default: 600].
    #[arg(long, env = "FACESETS_IDLE_CONNECTION_SECONDS", value_name = "SECONDS")]
    pub idle_connection_seconds: Option<NonZeroU64>,
    /// A connection over which nobody has named a token that counts is closed after so long, whatever it asks
    /// of health, and sooner if its place is needed [default: 15].
    #[arg(long, env = "FACESETS_NAMELESS_SECONDS", value_name = "SECONDS")]
    pub nameless_seconds: Option<NonZeroU64>,
    /// File with a token that any client may name, beside the tokens of paired clients (or the variable
    /// `FACESETS_TOKEN`).
    #[arg(long, env = "FACESETS_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Speak TLS, which asks every client for a token or a pairing [default: except on loopback, and with
    /// `--allow-plaintext`].
    #[arg(long, env = "FACESETS_TLS", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub tls: Option<bool>,
    /// Let only clients connect that also show a certificate in force, signed by an authority in this PEM
    /// file; with TLS only [default: certificates are not asked for].
    #[arg(long, env = "FACESETS_CLIENT_CA", value_name = "FILE")]
    pub client_ca: Option<PathBuf>,
    /// Folder of the worker's certificate and of the clients that it knows [default: facesets/worker in the
    /// user's data folder].
    #[arg(long, env = "FACESETS_WORKER_STATE", value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Describe the protocol to whoever asks and has a token (gRPC reflection) [default: true].
    #[arg(long, env = "FACESETS_REFLECTION", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub reflection: Option<bool>,
    /// Answer `/metrics` (Prometheus) and `/healthz` over plain HTTP at this address and port; numbers only,
    /// so no token is asked for [default: nowhere].
    #[arg(long, env = "FACESETS_METRICS_LISTEN", value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<SocketAddr>,
    /// Folder for logs as lines of JSON, a file a day, the last 14 kept [default: none; what is told goes to
    /// stderr in any case].
    #[arg(long, env = "FACESETS_LOG_FOLDER", value_name = "DIR")]
    pub log_folder: Option<PathBuf>,
    /// A shared device (not the processor) that has not answered for so long is given up: items may be tried
    /// elsewhere [default: 120].
    #[arg(long, env = "FACESETS_DEVICE_TIMEOUT_SECONDS", value_name = "SECONDS")]
    pub device_timeout_seconds: Option<NonZeroU64>,
    /// Speak plaintext to other machines too: only on a network you trust, and with a token.
    #[arg(long, env = "FACESETS_ALLOW_PLAINTEXT", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub allow_plaintext: Option<bool>,
}

impl Settings {
    /// These, and where they say nothing, those of `below`.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            listen: self.listen.or(below.listen),
            models: self.models.or(below.models),
            pack: self.pack.or(below.pack),
            max_packs: self.max_packs.or(below.max_packs),
            idle_unload_seconds: self.idle_unload_seconds.or(below.idle_unload_seconds),
            runtime: self.runtime.or(below.runtime),
            provider: self.provider.or(below.provider),
            device_id: self.device_id.or(below.device_id),
            allow_cpu_fallback: self.allow_cpu_fallback.or(below.allow_cpu_fallback),
            lanes: self.lanes.or(below.lanes),
            max_image_bytes: self.max_image_bytes.or(below.max_image_bytes),
            max_pixels: self.max_pixels.or(below.max_pixels),
            max_bytes_in_flight: self.max_bytes_in_flight.or(below.max_bytes_in_flight),
            max_connections: self.max_connections.or(below.max_connections),
            max_connections_per_client: self.max_connections_per_client.or(below.max_connections_per_client),
            stall_seconds: self.stall_seconds.or(below.stall_seconds),
            idle_connection_seconds: self.idle_connection_seconds.or(below.idle_connection_seconds),
            nameless_seconds: self.nameless_seconds.or(below.nameless_seconds),
            token_file: self.token_file.or(below.token_file),
            tls: self.tls.or(below.tls),
            client_ca: self.client_ca.or(below.client_ca),
            state: self.state.or(below.state),
            reflection: self.reflection.or(below.reflection),
            metrics_listen: self.metrics_listen.or(below.metrics_listen),
            log_folder: self.log_folder.or(below.log_folder),
            device_timeout_seconds: self.device_timeout_seconds.or(below.device_timeout_seconds),
            allow_plaintext: self.allow_plaintext.or(below.allow_plaintext),
        }
    }

    /// These, and where they say nothing, what holds then: the defaults, with a pack that is there.
    #[must_use]
    pub fn filled(self) -> Self {
        let pack = default_pack(self.models.as_deref().unwrap_or(&default_models()));
        self.over(Self { pack: Some(pack), ..Self::defaults() })
    }

    /// What holds where nobody says anything. What stays `None` is found out at start.
    pub fn defaults() -> Self {
        let limits = facesets_core::ImageLimits::default();
        let clients = Limits::default();
        Self {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 50551))),
            models: Some(default_models()),
            pack: Some(PREFERRED[0].to_owned()),
            max_packs: NonZeroUsize::new(3),
            idle_unload_seconds: Some(600),
            provider: Some(ProviderChoice::Auto),
            allow_cpu_fallback: Some(false),
            max_image_bytes: Some(limits.max_bytes),
            max_pixels: Some(limits.max_pixels),
            max_bytes_in_flight: Some(clients.bytes),
            max_connections: NonZeroUsize::new(clients.connections),
            max_connections_per_client: NonZeroUsize::new(clients.connections_each),
            stall_seconds: NonZeroU64::new(clients.stall.as_secs()),
            idle_connection_seconds: NonZeroU64::new(clients.idle.as_secs()),
            nameless_seconds: NonZeroU64::new(clients.nameless.as_secs()),
            state: Some(default_state()),
            reflection: Some(true),
            device_timeout_seconds: NonZeroU64::new(120),
            allow_plaintext: Some(false),
            ..Self::default()
        }
    }
}

/// The packs that are used where nobody names one, the strongest first: who has fetched `buffalo_l` has
/// accepted its licence.
const PREFERRED: [&str; 2] = ["buffalo_l", "open"];

/// The strongest of the packs in the folder `models` that is used without being named; the first of all where
/// none of them is there.
pub fn default_pack(models: &Path) -> String {
    let there = list(models);
    let found = PREFERRED.into_iter().find(|name| there.iter().any(|there| there == name));
    found.unwrap_or(PREFERRED[0]).to_owned()
}

/// `facesets/models` in the user's data folder.
pub fn default_models() -> PathBuf {
    data_folder().unwrap_or_else(|| PathBuf::from("facesets")).join("models")
}

/// `facesets/worker` in the user's data folder; empty where that is not known.
pub fn default_state() -> PathBuf {
    data_folder().map(|folder| folder.join("worker")).unwrap_or_default()
}

/// `facesets` in `%LOCALAPPDATA%` on Windows, in `$XDG_DATA_HOME` or `~/.local/share` elsewhere.
fn data_folder() -> Option<PathBuf> {
    Some(user_folder("LOCALAPPDATA", "XDG_DATA_HOME", ".local/share")?.join("facesets"))
}

/// A folder of the user's: a variable on Windows; elsewhere another one, or else a folder below the home.
fn user_folder(on_windows: &str, elsewhere: &str, below_home: &str) -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if cfg!(windows) {
        set(on_windows)
    } else {
        let home = || set("HOME").map(|home| home.join(below_home));
        set(elsewhere).filter(|path| path.is_absolute()).or_else(home)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_pack_that_is_there_is_used_where_none_is_named() {
        let models = tempfile::tempdir().unwrap();
        let settings = |pack: Option<&str>| {
            let pack = pack.map(str::to_owned);
            Settings { models: Some(models.path().to_owned()), pack, ..Settings::default() }
                .filled()
                .pack
                .unwrap()
        };
        let add = |name: &str| {
            std::fs::create_dir(models.path().join(name)).unwrap();
            std::fs::write(models.path().join(name).join(crate::model_pack::MANIFEST_FILE), "").unwrap();
        };
        assert_eq!(settings(None), "buffalo_l", "what is missing is named");
        add("a-pack-of-mine");
        add("open");
        assert_eq!(settings(None), "open");
        add("buffalo_l");
        assert_eq!((settings(None).as_str(), settings(Some("open")).as_str()), ("buffalo_l", "open"));
    }

    #[test]
    fn every_setting_said_above_counts_and_every_other_comes_from_below() {
        let low = Settings {
            lanes: NonZeroUsize::new(7),
            runtime: Some("low".into()),
            device_id: Some(7),
            token_file: Some("low".into()),
            tls: Some(false),
            client_ca: Some("low".into()),
            ..Settings::defaults()
        };
        assert_eq!(Settings::default().over(low.clone()), low);
        let high = Settings {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 1))),
            models: Some("high".into()),
            pack: Some("high".to_owned()),
            max_packs: NonZeroUsize::new(1),
            idle_unload_seconds: Some(1),
            runtime: Some("high".into()),
            provider: Some(ProviderChoice::Only(crate::engine::Provider::Cpu)),
            device_id: Some(1),
            allow_cpu_fallback: Some(true),
            lanes: NonZeroUsize::new(1),
            max_image_bytes: Some(1),
            max_pixels: Some(1),
            max_bytes_in_flight: Some(1),
            max_connections: NonZeroUsize::new(1),
            max_connections_per_client: NonZeroUsize::new(1),
            stall_seconds: NonZeroU64::new(1),
            idle_connection_seconds: NonZeroU64::new(1),
            nameless_seconds: NonZeroU64::new(1),
            token_file: Some("high".into()),
            tls: Some(true),
            client_ca: Some("high".into()),
            state: Some("high".into()),
            reflection: Some(false),
            metrics_listen: Some(SocketAddr::from(([127, 0, 0, 1], 2))),
            log_folder: Some("high".into()),
            device_timeout_seconds: NonZeroU64::new(1),
            allow_plaintext: Some(true),
        };
        assert_eq!(high.clone().over(low), high);
    }
}
