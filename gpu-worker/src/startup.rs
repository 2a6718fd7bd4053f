//! From a configuration to a service that can be served: listener, pack, runtime, lanes, in the order that
//! fails soonest.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use facesets_core::{
    ImageLimits,
    wire::{Instance, PROTOCOL_VERSION, WorkerDescription},
};

use crate::{
    assembly::Plan,
    device::Condition,
    engine::{
        AUTO_ORDER, CpuFallback, Provider, ProviderChoice, RuntimePathError, Target, find_runtime,
        ort::{Runtime, RuntimeError},
    },
    exposition::Sources,
    meter::Meter,
    model_pack::{Pack, PackError},
    packs::{Bounds, LoadError, Loader, Packs},
    pool::Pool,
    service::{Limits, Protection, Tls, Token, WorkerService},
    settings::default_models,
    telemetry,
    trust::{Authority, Trust, TrustError},
};

/// How to serve.
#[derive(Debug)]
pub struct Configuration {
    /// Address and port; port 0 is any free one.
    pub listen: SocketAddr,
    /// Folder of model packs.
    pub models: PathBuf,
    /// Packs to load at once and to keep; at least one.
    pub packs: Vec<String>,
    /// How many packs may be in memory, and for how long.
    pub bounds: Bounds,
    /// ONNX Runtime library, if it is not to be looked for.
    pub runtime: Option<PathBuf>,
    /// Where the models run.
    pub provider: ProviderChoice,
    /// Device of the provider.
    pub device_id: Option<u32>,
    /// Whether single operators may run on the host.
    pub fallback: CpuFallback,
    /// Lanes, if not by the number of cores.
    pub lanes: Option<NonZeroUsize>,
    /// What one image may be.
    pub limits: ImageLimits,
    /// What clients may take.
    pub client_limits: Limits,
    /// What clients may name.
    pub token: Option<Token>,
    /// Whether to speak TLS, if that is not to follow from the address.
    pub tls: Option<bool>,
    /// File of the authority whose certificates clients must show, if any.
    pub client_ca: Option<PathBuf>,
    /// Whom the worker trusts, with TLS.
    pub trust: Trust,
    /// Whether to describe the protocol to clients.
    pub reflection: bool,
    /// What may be done in the clear.
    pub plaintext: Plaintext,
    /// Where metrics and health are told over HTTP, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// Folder for logs.
    pub log_folder: Option<PathBuf>,
    /// For how long a shared device may leave a batch unanswered.
    pub device_timeout: Duration,
}

/// Where plaintext may be spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plaintext {
    /// Only where it stays on this machine.
    LoopbackOnly,
    /// Everywhere, because somebody said so.
    Everywhere,
}

/// Ready to be served.
#[derive(Debug)]
pub struct Started {
    /// Bound, non-blocking.
    pub listener: TcpListener,
    /// Where it is bound.
    pub address: SocketAddr,
    /// What it says of itself.
    pub description: WorkerDescription,
    /// Who answers.
    pub service: WorkerService,
    /// Whom.
    pub protection: Protection,
    /// Where metrics and health are told, bound and non-blocking.
    pub metrics_listener: Option<TcpListener>,
    /// What these are read off.
    pub sources: Sources,
}

/// Lanes that are ready, and what they work on.
#[derive(Debug)]
pub struct Ready {
    /// What lanes borrow.
    pub packs: Arc<Packs>,
    /// The lanes.
    pub pool: Pool,
    /// How many there are, and on what.
    pub plan: Plan,
    /// The device, for people.
    pub device: String,
    /// The execution provider.
    pub provider: String,
    /// What the runtime says of itself.
    pub runtime_version: String,
}

/// A worker that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// One client's image could take all there is.
    #[error("an image may have {image} bytes, and all that are in flight {in_flight}: not twice as many")]
    InFlight {
        /// Bytes of one image.
        image: u64,
        /// Bytes of all.
        in_flight: u64,
    },
    /// In plaintext off loopback without a token.
    #[error("`{0}` can be reached from other machines, and without TLS there is no token")]
    NoToken(SocketAddr),
    /// Off loopback without encryption.
    #[error("`{0}` can be reached from other machines, and without TLS photos would travel unencrypted")]
    Plaintext(SocketAddr),
    /// The address is taken or not this machine's.
    #[error("`{address}` cannot be listened on: {source}")]
    Listen {
        /// Address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Certificates of clients in plaintext.
    #[error(
        "certificates of clients are asked for, and in plaintext, as spoken on `{0}`, nobody can show one"
    )]
    NoTls(SocketAddr),
    /// The certificate, or the clients.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The same for metrics.
    #[error("`{address}` cannot be listened on for metrics: {source}")]
    ListenMetrics {
        /// Address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The pack.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// No runtime library.
    #[error(transparent)]
    RuntimePath(#[from] RuntimePathError),
    /// A runtime library that is of no use.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The models, or the lanes.
    #[error("the models cannot be made ready on `{target}`: {source}")]
    Load {
        /// Where.
        target: String,
        /// Why.
        source: LoadError,
    },
}

impl StartupError {
    /// What to do about it.
    pub fn hint(&self, pack: &str) -> String {
        match self {
            Self::InFlight { .. } => {
                "raise `--max-bytes-in-flight`, or lower `--max-image-bytes`".to_owned()
            }
            Self::NoToken(_) => {
                "leave TLS on, or put a long random word in a file and pass `--token-file FILE`".to_owned()
            }
            Self::Plaintext(_) => {
                "leave TLS on, listen on 127.0.0.1, or pass `--allow-plaintext` if the network is trusted".to_owned()
            }
            Self::NoTls(_) => "turn TLS on (`--tls`), or leave `--client-ca` out".to_owned(),
            Self::Trust(error) => error.hint(),
            Self::Listen { .. } => "pass another `--listen ADDRESS:PORT`; port 0 takes a free one".to_owned(),
            Self::ListenMetrics { .. } => {
                "pass another `--metrics-listen ADDRESS:PORT`, or do without".to_owned()
            }
            Self::Pack(error) => pack_hint(error, pack),
            Self::Runtime(RuntimeError::NoProvider { .. }) => {
                "pass one of those as `--provider NAME`, or another library as `--runtime FILE`".to_owned()
            }
            Self::RuntimePath(_) | Self::Runtime(_) => {
                "`scripts/setup` in the source of facesets puts it in place; one of your own (it is in the PyPI wheel `onnxruntime`, \
                 in onnxruntime/capi) is named with `--runtime FILE` or FACESETS_RUNTIME"
                    .to_owned()
            }
            Self::Load { target, .. } if target != "cpu" => {
                "pass another `--provider NAME` (`cpu` always works), `--device-id NUMBER` for another device, or \
                 `--allow-cpu-fallback` if the device lacks only some operators"
                    .to_owned()
            }
            Self::Load { .. } => {
                format!("check the pack with `facesets-worker models verify {pack}`")
            }
        }
    }
}

/// How packs get onto a machine.
pub const WHERE_PACKS_COME_FROM: &str = "`scripts/setup` in the source of facesets makes `open`, from MIT-licensed parts; \
                                         `facesets-worker models fetch buffalo_l` brings the stronger one, for non-commercial research only";

/// What to do about a pack.
pub fn pack_hint(error: &PackError, pack: &str) -> String {
    match error {
        PackError::Missing { there, .. } if there.is_empty() => {
            format!("{WHERE_PACKS_COME_FROM}; another folder is named with `--models DIR`")
        }
        PackError::Missing { .. } | PackError::Name(_) => {
            format!("name one that is there with `--pack NAME`; {WHERE_PACKS_COME_FROM}")
        }
        _ => format!("fetch it again with `facesets-worker models fetch {pack}`, or make it again"),
    }
}

/// Starts everything but the server, with ONNX Runtime.
pub fn start(configuration: &Configuration) -> Result<Started, StartupError> {
    start_with(configuration, on_runtime)
}

/// The same with lanes that `make` makes, which is given what measures their stages.
pub fn start_with(
    configuration: &Configuration,
    make: impl FnOnce(&Configuration, &Arc<Meter>) -> Result<Ready, StartupError>,
) -> Result<Started, StartupError> {
    let (image, in_flight) = (configuration.limits.max_bytes, configuration.client_limits.bytes);
    // One client may have one image in flight whatever its size; it must leave as much to the others.
    if image > in_flight / 2 {
        return Err(StartupError::InFlight { image, in_flight });
    }
    let transport = transport(configuration)?;
    let clients = configuration.client_ca.as_deref().map(Authority::read).transpose();
    let clients = clients.map_err(TrustError::from)?;
    let address = configuration.listen;
    let listener = listen(address).map_err(|source| StartupError::Listen { address, source })?;
    let address = listener.local_addr().map_err(|source| StartupError::Listen { address, source })?;
    let tls = match transport {
        Transport::Plaintext => None,
        Transport::Tls => {
            configuration.trust.note_address(address)?;
            Some(Tls::new(configuration.trust.clone(), clients.as_ref())?)
        }
    };
    let metrics_listener = configuration
        .metrics_listen
        .map(|address| listen(address).map_err(|source| StartupError::ListenMetrics { address, source }));
    let metrics_listener = metrics_listener.transpose()?;
    // What is plainly wrong is said before anything heavy is done.
    for name in &configuration.packs {
        Pack::open(&configuration.models, name)?;
    }
    let meter = Arc::<Meter>::default();
    let Ready { packs, pool, plan, device, provider, runtime_version } = make(configuration, &meter)?;
    telemetry::runs_on(&provider);
    let description = WorkerDescription {
        protocol_version: PROTOCOL_VERSION,
        worker_version: env!("CARGO_PKG_VERSION").to_owned(),
        device,
        provider,
        runtime_version,
        packs: packs.describe(),
        credit: configuration.client_limits.credit(Pool::credit(plan.lanes)),
        limits: configuration.limits,
        instance: Some(Instance::random()),
    };
    let protection = Protection {
        token: configuration.token,
        tls,
        reflection: configuration.reflection,
        limits: configuration.client_limits,
    };
    let pool = Arc::new(pool);
    let sources = Sources { meter, pool: Arc::clone(&pool), packs: Arc::clone(&packs) };
    let service = WorkerService::new(description.clone(), pool).with_packs(packs);
    Ok(Started { listener, address, description, service, protection, metrics_listener, sources })
}

/// Lanes on the first target of ONNX Runtime that works.
fn on_runtime(configuration: &Configuration, meter: &Arc<Meter>) -> Result<Ready, StartupError> {
    let runtime =
        find_runtime(configuration.runtime.as_deref(), &[&configuration.models, &default_models()])?;
    tracing::info!(runtime = %runtime.display(), "loading ONNX Runtime");
    let runtime = Runtime::load(&runtime, Provider::Cpu)?;
    first_that_works(targets(configuration, &runtime)?, |runtime| {
        let plan = Plan::new(runtime.target(), configuration.lanes).patient(configuration.device_timeout);
        let condition = Condition::default();
        // How many bytes there are is looked at before there are any, by where they come from.
        let max_bytes = configuration.limits.max_transcoded_bytes();
        let (limits, meter) = (ImageLimits { max_bytes, ..configuration.limits }, Arc::clone(meter));
        let loader = plan.loader(runtime.clone(), limits, meter, condition.clone());
        let lanes = lanes(configuration, plan, condition, loader);
        let (packs, pool) =
            lanes.map_err(|source| StartupError::Load { target: runtime.target().to_string(), source })?;
        Ok(Ready {
            packs,
            pool,
            plan,
            device: runtime.device(),
            provider: runtime.target().to_string(),
            runtime_version: runtime.build_info().to_owned(),
        })
    })
}

/// The configured packs, made ready by `loader`, and lanes for them.
pub fn lanes(
    configuration: &Configuration,
    plan: Plan,
    condition: Condition,
    loader: Box<Loader>,
) -> Result<(Arc<Packs>, Pool), LoadError> {
    let (models, defaults) = (configuration.models.clone(), configuration.packs.clone());
    let packs = Packs::start(models, defaults, configuration.bounds, loader)?;
    let pool = plan.start_lanes(&packs, condition)?;
    Ok((packs, pool))
}

/// The library on every target that may be used, in the order in which to try them.
fn targets(configuration: &Configuration, runtime: &Runtime) -> Result<Vec<Runtime>, RuntimeError> {
    let target = |provider| Target {
        device_id: configuration.device_id,
        fallback: configuration.fallback,
        ..Target::new(provider)
    };
    match &configuration.provider {
        ProviderChoice::Only(provider) => Ok(vec![runtime.on(target(provider.clone()))?]),
        ProviderChoice::Auto => {
            let offered = runtime.offered().into_iter().filter(|provider| AUTO_ORDER.contains(provider));
            offered
                .map(|provider| match provider {
                    // The device that was named is not the processor's.
                    Provider::Cpu => runtime.on(Target::new(Provider::Cpu)),
                    other => runtime.on(target(other)),
                })
                .collect()
        }
    }
}

/// What `make` makes of the first target for which it works; of the last one the error.
fn first_that_works<T>(
    targets: Vec<Runtime>,
    make: impl Fn(&Runtime) -> Result<T, StartupError>,
) -> Result<T, StartupError> {
    let mut left = targets.len();
    for runtime in targets {
        left -= 1;
        match make(&runtime) {
            Ok(made) => return Ok(made),
            Err(error) if left > 0 => {
                tracing::warn!(target = %runtime.target(), %error, "this provider does not work, the next is tried");
            }
            Err(error) => return Err(error),
        }
    }
    unreachable!("the processor is always among the targets, or the one that was named")
}

/// How bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Plaintext,
    Tls,
}

/// TLS where it is asked for, and off loopback unless it is not; plaintext off loopback needs leave and a
/// token, and anywhere that nobody asks for certificates.
fn transport(configuration: &Configuration) -> Result<Transport, StartupError> {
    let address = configuration.listen;
    let near = address.ip().is_loopback();
    let allowed = configuration.plaintext == Plaintext::Everywhere;
    if configuration.tls.unwrap_or(!near && !allowed) {
        Ok(Transport::Tls)
    } else if configuration.client_ca.is_some() {
        Err(StartupError::NoTls(address))
    } else if near {
        Ok(Transport::Plaintext)
    } else if !allowed {
        Err(StartupError::Plaintext(address))
    } else if configuration.token.is_none() {
        Err(StartupError::NoToken(address))
    } else {
        Ok(Transport::Plaintext)
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(listen: &str, token: Option<&str>, plaintext: Plaintext) -> Configuration {
        Configuration {
            listen: listen.parse().unwrap(),
            models: PathBuf::from("nowhere/models"),
            packs: vec!["open".to_owned()],
            bounds: Bounds { max_loaded: NonZeroUsize::MIN, idle: Duration::from_mins(1) },
            runtime: None,
            provider: ProviderChoice::Auto,
            device_id: None,
            fallback: CpuFallback::Refused,
            lanes: None,
            limits: ImageLimits::default(),
            client_limits: Limits::default(),
            token: token.map(|token| Token::new(token).unwrap()),
            tls: None,
            client_ca: None,
            trust: Trust::new("nowhere/worker"),
            reflection: true,
            plaintext,
            metrics_listen: None,
            log_folder: None,
            device_timeout: Duration::from_mins(1),
        }
    }

    #[test]
    fn off_loopback_tls_is_spoken_and_plaintext_needs_leave_and_a_token() {
        use Plaintext::{Everywhere, LoopbackOnly};
        let check = |listen, token, tls, plaintext| {
            transport(&Configuration { tls, ..configuration(listen, token, plaintext) })
        };
        for listen in ["0.0.0.0:1", "192.168.1.5:1", "[::]:1"] {
            for token in [None, Some("t")] {
                assert_eq!(check(listen, token, None, LoopbackOnly).unwrap(), Transport::Tls);
                assert_eq!(check(listen, token, Some(true), Everywhere).unwrap(), Transport::Tls);
                let refused = check(listen, token, Some(false), LoopbackOnly);
                assert!(matches!(refused, Err(StartupError::Plaintext(_))), "{refused:?}");
            }
            for tls in [None, Some(false)] {
                assert!(matches!(check(listen, None, tls, Everywhere), Err(StartupError::NoToken(_))));
                assert_eq!(check(listen, Some("t"), tls, Everywhere).unwrap(), Transport::Plaintext);
            }
        }
        for listen in ["127.0.0.1:0", "[::1]:0"] {
            assert_eq!(check(listen, None, None, LoopbackOnly).unwrap(), Transport::Plaintext);
            assert_eq!(check(listen, None, Some(true), LoopbackOnly).unwrap(), Transport::Tls);
        }
    }

    #[test]
    fn certificates_of_clients_are_asked_for_within_tls_only() {
        for (listen, tls) in [("127.0.0.1:0", None), ("127.0.0.1:0", Some(false)), ("0.0.0.0:0", Some(false))]
        {
            let configuration = Configuration {
                tls,
                client_ca: Some("nowhere/ca.pem".into()),
                ..configuration(listen, Some("t"), Plaintext::Everywhere)
            };
            let error = start(&configuration).unwrap_err();
            assert!(matches!(error, StartupError::NoTls(_)), "{error}");
            let error = start(&Configuration { tls: Some(true), ..configuration }).unwrap_err();
            assert!(error.to_string().contains("`nowhere/ca.pem` cannot be read"), "{error}");
            assert!(error.hint("open").contains("--client-ca FILE"));
        }
    }

    #[test]
    fn an_image_that_could_never_be_in_flight_is_refused_at_start() {
        let client_limits = Limits { bytes: 1 << 20, ..Limits::default() };
        let configuration =
            Configuration { client_limits, ..configuration("127.0.0.1:0", None, Plaintext::LoopbackOnly) };
        let error = start(&configuration).unwrap_err();
        assert!(matches!(error, StartupError::InFlight { in_flight: 1_048_576, .. }), "{error}");
    }

    #[test]
    fn a_missing_pack_says_what_to_do() {
        let error = start(&configuration("127.0.0.1:0", None, Plaintext::LoopbackOnly)).unwrap_err();
        assert!(error.to_string().contains("no model pack `open`"), "{error}");
        assert!(error.hint("open").contains("models fetch buffalo_l"));
    }

    #[test]
    fn an_address_in_use_says_so() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = start(&configuration(&address, None, Plaintext::LoopbackOnly)).unwrap_err();
        assert!(matches!(error, StartupError::Listen { .. }), "{error}");
    }
}
