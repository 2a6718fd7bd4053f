//! A worker as its owner runs it, usually with TLS, and clients of it that are none of ours.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use facesets_core::Sha256Digest;
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, SignatureScheme,
    client::{
        WantsClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint};

use crate::{frail, program::Run, setup};

/// Longest wait for a worker to serve, or for what it writes down to take effect. Everything takes a second
/// or two.
const PATIENCE: Duration = Duration::from_mins(1);

/// At a free port of this machine.
const ANYWHERE: &str = "--listen=127.0.0.1:0";

/// The worker's standard error in its folder.
const LOG: &str = "worker.log";

/// A worker, stopped when dropped.
#[derive(Debug)]
pub struct Armoured {
    child: Child,
    folder: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
}

/// `facesets-worker` with its state, its log and its home in a folder, and the open pack.
pub fn worker_command(folder: &Path, args: &[&str]) -> Command {
    command_of("facesets-worker", folder, args)
}

fn command_of(program: &str, folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(setup::program(program));
    command
        .args(args)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", folder)
        .env("FACESETS_WORKER_STATE", folder.join("state"))
        .env("FACESETS_LOG", "trace")
        .env("FACESETS_MODELS", setup::models())
        .env("FACESETS_PACK", "open")
        .env("FACESETS_RUNTIME", setup::runtime())
        .env("FACESETS_PROVIDER", "cpu")
        .env("FACESETS_LANES", "1")
        .stdin(Stdio::null());
    command
}

/// Runs `facesets-worker` on such a folder to its end.
pub fn run_worker(folder: &Path, args: &[&str]) -> Run {
    worker_command(folder, args).output().expect("facesets-worker can be started").into()
}

impl Armoured {
    /// Serves with TLS on loopback, and with further `flags`.
    pub fn start(folder: &Path, flags: &[&str]) -> Self {
        let args = [&["serve", ANYWHERE, "--tls"], flags].concat();
        Self::serve(folder, worker_command(folder, &args))
    }

    /// Serves on loopback in plaintext, with further `flags` and a log of what its owner would see.
    pub fn start_plain(folder: &Path, flags: &[&str]) -> Self {
        Self::start_plain_as("facesets-worker", folder, flags)
    }

    /// As [`Self::start_plain`], with another program of this workspace that serves.
    pub fn start_plain_as(program: &str, folder: &Path, flags: &[&str]) -> Self {
        let mut command = command_of(program, folder, &[&["serve", ANYWHERE], flags].concat());
        command.env("FACESETS_LOG", "info");
        Self::serve(folder, command)
    }

    /// As [`Self::start_plain`], on a [`frail`] device of which the words tell, with the models in a folder,
    /// and at an address if one is given.
    pub fn start_frail(
        folder: &Path,
        words: &str,
        models: &Path,
        address: Option<SocketAddr>,
        flags: &[&str],
    ) -> Self {
        let listen = address.map_or(ANYWHERE.to_owned(), |address| format!("--listen={address}"));
        let args = [&["serve", &listen], flags].concat();
        let mut command = command_of("facesets-frail-worker", folder, &args);
        // As many lanes as a device gets.
        command.env_remove("FACESETS_LANES").env("FACESETS_LOG", "info");
        command.env(frail::VARIABLE, words).env("FACESETS_MODELS", models);
        Self::serve(folder, command)
    }

    fn serve(folder: &Path, mut command: Command) -> Self {
        let log = folder.join(LOG);
        let file = File::options().create(true).append(true).open(&log).expect("a log can be written");
        let before = read(&log).len();
        command.stderr(file).stdout(Stdio::null());
        let mut child = command.spawn().expect("facesets-worker can be started");
        let address = wait_for("the worker serves", || {
            let said = read(&log);
            assert!(matches!(child.try_wait(), Ok(None)), "the worker has ended:\n{said}");
            let line = said[before..].lines().find(|line| line.contains("serving address="))?;
            line.split("address=").nth(1)?.split(' ').next()?.parse().ok()
        });
        Self { child, folder: folder.to_owned(), address }
    }

    /// What its owner sees of `facesets-worker ARGS` beside it.
    pub fn owner(&self, args: &[&str]) -> Run {
        run_worker(&self.folder, args)
    }

    /// A code that its owner has made.
    pub fn code(&self) -> String {
        let run = self.owner(&["pair"]);
        assert_eq!(run.code, Some(0), "{run}");
        run.stdout.trim().to_owned()
    }

    /// Its memory in bytes by the name that Linux gives it: `VmRSS` is what it has, `VmHWM` the most it has
    /// had.
    pub fn memory(&self, name: &str) -> u64 {
        let status = read(format!("/proc/{}/status", self.child.id()).as_ref());
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        1024 * kilobytes.unwrap_or_else(|| panic!("no {name} in:\n{status}"))
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Its threads, and its open files and connections.
    pub fn threads_and_files(&self) -> [u64; 2] {
        ["task", "fd"].map(|what| {
            let folder = format!("/proc/{}/{what}", self.child.id());
            fs::read_dir(folder).expect("the worker runs").count() as u64
        })
    }

    /// What it has logged so far, of everything that can be.
    pub fn log(&self) -> String {
        read(&self.folder.join(LOG))
    }
}

impl Drop for Armoured {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Asks again and again until there is an answer.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "it did not come to this: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A client of TLS 1.3 that trusts anybody and only writes down whom it has seen.
pub async fn handshake(address: SocketAddr, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    handshake_over(TcpStream::connect(address).await?, config).await
}

async fn handshake_over(stream: TcpStream, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("facesets-worker").expect("it is a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Its configuration, with some of ring's cipher suites and no certificate of its own.
pub fn trusting(suites: impl Fn(&str) -> bool) -> ClientConfig {
    let mut config = trusting_builder(suites).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// The same as far as that.
pub fn trusting_builder(suites: impl Fn(&str) -> bool) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let mut provider = ring::default_provider();
    provider.cipher_suites.retain(|suite| suites(&format!("{:?}", suite.suite())));
    let provider = Arc::new(provider);
    ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("there is a suite of TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
}

/// The digest of the certificate that was shown.
pub fn shown(stream: &TlsStream<TcpStream>) -> Sha256Digest {
    Sha256Digest::of(&stream.get_ref().1.peer_certificates().expect("a certificate was shown")[0])
}

/// A gRPC channel over such a connection.
pub async fn channel(address: SocketAddr) -> Channel {
    channel_with(address, trusting(|_| true)).await
}

/// The same with another configuration.
pub async fn channel_with(address: SocketAddr, config: ClientConfig) -> Channel {
    let connect = move |_| {
        let config = config.clone();
        async move { handshake(address, config).await.map(TokioIo::new) }
    };
    let endpoint = Endpoint::from_shared(format!("https://{address}")).expect("it is a URL");
    endpoint.connect_with_connector(tower::service_fn(connect)).await.expect("the worker can be reached")
}

/// The same over one connection, which is not made again.
pub async fn channel_over(stream: TcpStream) -> Channel {
    let mut stream = Some(stream);
    let connect = move |_| {
        let stream = stream.take();
        async move {
            let stream = stream.ok_or(std::io::ErrorKind::NotConnected)?;
            handshake_over(stream, trusting(|_| true)).await.map(TokioIo::new)
        }
    };
    let endpoint = Endpoint::from_static("https://facesets-worker");
    endpoint.connect_with_connector(tower::service_fn(connect)).await.expect("the worker can be reached")
}

#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        unreachable!("TLS 1.2 is not offered")
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
