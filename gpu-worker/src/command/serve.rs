//! `serve`, by hand or managed by a parent process.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read as _},
    net::SocketAddr,
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

use facesets_core::{ImageLimits, wire::PROTOCOL_VERSION};
use tokio_util::sync::CancellationToken;

use super::{Exit, Trouble};
use crate::{
    cli::ServeArgs,
    engine::CpuFallback,
    exposition::{self, Sources},
    logging,
    managed::{self, Ready, read_start},
    packs::Bounds,
    service::{Limits, Outcome, Token, serve},
    settings::{ConfigFile, Settings, effective},
    startup::{self, Configuration, Plaintext, Started, StartupError},
    trust::Trust,
    ui,
};

/// Environment variable with the token.
const TOKEN_VARIABLE: &str = "FACESETS_TOKEN";

/// Threads for the network: it moves bytes and waits; the lanes do the work.
const NETWORK_THREADS: usize = 2;

/// Serves until told to stop.
pub fn run(args: &ServeArgs) -> Exit {
    run_with(args, startup::start)
}

/// The same with what `start` makes of the configuration.
pub fn run_with(
    args: &ServeArgs,
    start: impl FnOnce(&Configuration) -> Result<Started, StartupError>,
) -> Exit {
    if args.print_config {
        return print_config(args);
    }
    let drain = CancellationToken::new();
    let prepared = if args.managed { managed_configuration(args, &drain) } else { configuration(args) };
    let started = prepared.and_then(|configuration| {
        logging::start(configuration.log_folder.as_deref()).map_err(|error| Trouble {
            error: format!("the log cannot be written: {error}"),
            hint: "pass a folder that can be written to as `--log-folder DIR`, or do without".to_owned(),
        })?;
        start(&configuration)
            .map_err(|error| Trouble { hint: error.hint(&configuration.packs[0]), error: error.to_string() })
    });
    match started.and_then(|started| serve_until_stopped(args, started, drain)) {
        Ok(exit) => exit,
        Err(Trouble { error, hint }) => {
            if args.managed {
                ui::json(&Ready::No { ready: false, error: error.clone(), hint: hint.clone() });
            }
            ui::error(&error, &hint);
            Exit::Failed
        }
    }
}

fn print_config(args: &ServeArgs) -> Exit {
    match said(args) {
        Ok((said, file)) => {
            effective(&said, &file).trim_end().lines().for_each(ui::result);
            Exit::Done
        }
        Err(Trouble { error, hint }) => {
            ui::error(&error, &hint);
            Exit::Failed
        }
    }
}

fn serve_until_stopped(
    args: &ServeArgs,
    mut started: Started,
    drain: CancellationToken,
) -> Result<Exit, Trouble> {
    let trouble = |error: String| Trouble { error, hint: "run the same command again".to_owned() };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(NETWORK_THREADS)
        .enable_all()
        .build()
        .map_err(|error| trouble(format!("the network threads cannot be started: {error}")))?;
    let exit = runtime.block_on(async {
        let metrics = started
            .metrics_listener
            .take()
            .map(|listener| tell_metrics(listener, started.sources.clone(), drain.clone()).map_err(trouble))
            .transpose()?;
        announce(args, &started);
        let listener =
            tokio::net::TcpListener::from_std(started.listener).map_err(|e| trouble(e.to_string()))?;
        let stopped = tokio::spawn(stop_on_signal(drain.clone()));
        let outcome = serve(listener, started.service, started.protection, drain)
            .await
            .map_err(|e| trouble(e.to_string()))?;
        if let Some(metrics) = metrics {
            // It ends with the drain; who asks at the last moment is not waited for.
            metrics.abort();
        }
        if outcome == Outcome::Abandoned {
            tracing::warn!("some items in flight were abandoned");
        }
        let interrupted = stopped.is_finished() && stopped.await.unwrap_or(false);
        Ok(if interrupted { Exit::Interrupted } else { Exit::Done })
    });
    // Streams of clients that do not hang up must not keep the program.
    runtime.shutdown_background();
    exit
}

/// Answers about metrics and health beside the service.
fn tell_metrics(
    listener: std::net::TcpListener,
    sources: Sources,
    drain: CancellationToken,
) -> Result<tokio::task::JoinHandle<()>, String> {
    let handle = exposition::recorder().map_err(|error| error.to_string())?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "telling metrics");
    }
    Ok(tokio::spawn(async move {
        if let Err(error) = exposition::http::serve(listener, handle, sources, drain).await {
            tracing::error!(%error, "metrics are told no more");
        }
    }))
}

fn announce(args: &ServeArgs, started: &Started) {
    let Started { address, description: worker, protection, .. } = started;
    let pack = worker.packs.first().map_or("", |pack| pack.name.as_str());
    let tls = protection.tls.is_some();
    tracing::info!(%address, tls, device = worker.device, provider = worker.provider, pack, "serving");
    if tls && protection.token.is_none() {
        tracing::info!("only paired clients are let in: `facesets-worker pair` makes a code for another one");
    }
    if args.managed {
        ui::json(&Ready::Yes {
            ready: true,
            address: *address,
            device: worker.device.clone(),
            provider: worker.provider.clone(),
            pack: pack.to_owned(),
            protocol_version: PROTOCOL_VERSION,
        });
    }
}

/// Drains on Ctrl-C, or SIGTERM or what is its like on Windows; whether it was Ctrl-C.
async fn stop_on_signal(drain: CancellationToken) -> bool {
    let interrupted = tokio::select! {
        _ = tokio::signal::ctrl_c() => true,
        () = terminated() => false,
    };
    drain.cancel();
    interrupted
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

/// Ctrl-Break, the console's end, and the system's.
#[cfg(windows)]
async fn terminated() {
    use tokio::signal::windows::{ctrl_break, ctrl_close, ctrl_shutdown};
    let (Ok(mut by_key), Ok(mut by_console), Ok(mut by_system)) =
        (ctrl_break(), ctrl_close(), ctrl_shutdown())
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = by_key.recv() => {}
        _ = by_console.recv() => {}
        _ = by_system.recv() => {}
    }
}

/// What flags, environment and file say.
fn said(args: &ServeArgs) -> Result<(Settings, ConfigFile), Trouble> {
    Ok((args.settings.clone(), args.config.read()?))
}

fn configuration(args: &ServeArgs) -> Result<Configuration, Trouble> {
    let (said, file) = said(args)?;
    let settings = said.over(file.settings);
    let token = token_text(settings.token_file.as_deref())?.map(|text| checked_token(&text)).transpose()?;
    Ok(configuration_of(settings, token))
}

/// The same with what the parent says over it; from now on, the end of stdin drains. The token is the
/// parent's or none.
fn managed_configuration(args: &ServeArgs, drain: &CancellationToken) -> Result<Configuration, Trouble> {
    let trouble = |error: managed::StartError| Trouble {
        error: error.to_string(),
        hint: "`--managed` is for parent processes; serve by hand without it".to_owned(),
    };
    let start = read_stdin(drain.clone()).recv().map_err(|_| trouble(managed::StartError::Ended))?;
    let start = start.map_err(trouble)?;
    let (said, file) = said(args)?;
    let settings = managed_settings(start.configuration, said.over(file.settings));
    let token = start.token.filter(|text| !text.is_empty()).map(|text| checked_token(&text)).transpose()?;
    Ok(configuration_of(settings, token))
}

/// What the parent says over what else is said, except for how it reaches the worker, which concerns nobody
/// else.
fn managed_settings(parent: Settings, below: Settings) -> Settings {
    let free_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let listen = Some(parent.listen.unwrap_or(free_port));
    Settings { listen, ..parent }.over(Settings { tls: None, client_ca: None, ..below })
}

/// Settings with the defaults below them.
fn configuration_of(settings: Settings, token: Option<Token>) -> Configuration {
    const FILLED: &str = "the defaults say it";
    let settings = settings.filled();
    let max_image_bytes = settings.max_image_bytes.expect(FILLED);
    let client_limits = Limits::new(
        settings.max_connections.expect(FILLED),
        settings.max_connections_per_client.expect(FILLED),
        settings.max_bytes_in_flight.expect(FILLED),
        max_image_bytes,
    );
    Configuration {
        listen: settings.listen.expect(FILLED),
        models: settings.models.expect(FILLED),
        packs: pack_names(&settings.pack.expect(FILLED)),
        bounds: Bounds {
            max_loaded: settings.max_packs.expect(FILLED),
            idle: Duration::from_secs(settings.idle_unload_seconds.expect(FILLED)),
        },
        runtime: settings.runtime,
        provider: settings.provider.expect(FILLED),
        device_id: settings.device_id,
        fallback: if settings.allow_cpu_fallback.expect(FILLED) {
            CpuFallback::Allowed
        } else {
            CpuFallback::Refused
        },
        lanes: settings.lanes,
        limits: ImageLimits { max_bytes: max_image_bytes, max_pixels: settings.max_pixels.expect(FILLED) },
        client_limits: Limits {
            stall: Duration::from_secs(settings.stall_seconds.expect(FILLED).get()),
            idle: Duration::from_secs(settings.idle_connection_seconds.expect(FILLED).get()),
            nameless: Duration::from_secs(settings.nameless_seconds.expect(FILLED).get()),
            ..client_limits
        },
        token,
        tls: settings.tls,
        client_ca: settings.client_ca,
        trust: Trust::new(settings.state.expect(FILLED)),
        reflection: settings.reflection.expect(FILLED),
        metrics_listen: settings.metrics_listen,
        log_folder: settings.log_folder,
        device_timeout: Duration::from_secs(settings.device_timeout_seconds.expect(FILLED).get()),
        plaintext: if settings.allow_plaintext.expect(FILLED) {
            Plaintext::Everywhere
        } else {
            Plaintext::LoopbackOnly
        },
    }
}

/// `a,b` as names, each once.
fn pack_names(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    for name in list.split(',').map(str::trim) {
        if !names.iter().any(|there| there == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Reads stdin on a thread of its own, which is the same on every system: the first line is sent, the end
/// drains.
fn read_stdin(drain: CancellationToken) -> mpsc::Receiver<Result<managed::Start, managed::StartError>> {
    // One message, the first line.
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut stdin = BufReader::new(io::stdin());
        let _ = sender.send(read_start(&mut stdin));
        // Whatever else the parent writes is of no interest; an error ends the input as well.
        while stdin.fill_buf().is_ok_and(|block| !block.is_empty()) {
            let len = stdin.buffer().len();
            stdin.consume(len);
        }
        drain.cancel();
    });
    receiver
}

fn token_text(file: Option<&Path>) -> Result<Option<String>, Trouble> {
    let Some(path) = file else { return Ok(std::env::var(TOKEN_VARIABLE).ok()) };
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text));
    read.map(|_| Some(text)).map_err(|error| Trouble {
        error: format!("`{}` cannot be read: {error}", path.display()),
        hint: "pass a file with one word in it as `--token-file FILE`".to_owned(),
    })
}

fn checked_token(text: &str) -> Result<Token, Trouble> {
    Token::new(text).map_err(|error| Trouble {
        error: error.to_string(),
        hint: "make one with `head -c 24 /dev/urandom | base64`".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_parent_reaches_its_worker_is_said_by_the_parent_alone() {
        let users = Settings {
            listen: Some(SocketAddr::from(([0, 0, 0, 0], 50551))),
            tls: Some(true),
            client_ca: Some("ca.pem".into()),
            pack: Some("open".to_owned()),
            ..Settings::default()
        };
        let silent = managed_settings(Settings::default(), users.clone());
        assert_eq!(silent.listen, Some(SocketAddr::from(([127, 0, 0, 1], 0))));
        assert_eq!((silent.tls, silent.client_ca, silent.pack.as_deref()), (None, None, Some("open")));
        let asking = Settings { tls: Some(true), client_ca: Some("own.pem".into()), ..Settings::default() };
        let asked = managed_settings(asking, users);
        assert_eq!((asked.tls, asked.client_ca), (Some(true), Some("own.pem".into())));
    }
}
