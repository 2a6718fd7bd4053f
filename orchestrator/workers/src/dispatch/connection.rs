//! A connection to a worker, from its address to its description.

use std::{error::Error, sync::Arc, time::Duration};

use facesets_core::wire::{
    CONNECTION_WINDOW, Instance, MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, PROTOCOL_VERSION, STREAM_WINDOW,
    WorkerDescription,
    proto::{self, worker_client::WorkerClient},
};
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use tower::service_fn;

use super::{
    DispatchError, Token, WorkerEndpoint,
    alerts::LastWord,
    tls::{self, TlsError},
};

/// Longer than any handshake on a network that is worth using.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a worker may take to describe itself; it does so from memory.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a silent link is asked whether it is alive, and how long it may take to say so. Together they
/// bound how long a cable that was pulled goes unnoticed.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) type Client = WorkerClient<InterceptedService<Channel, Bearer>>;

/// A worker that was reached and speaks our protocol.
#[derive(Debug, Clone)]
pub struct Connection {
    pub(super) client: Client,
    label: String,
    description: Arc<WorkerDescription>,
}

impl Connection {
    /// What it is called and where it is.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What it says of itself.
    pub fn description(&self) -> &Arc<WorkerDescription> {
        &self.description
    }

    /// Asks it again who it is, and waits for the answer.
    pub async fn ask_again(&self) -> Result<(), DispatchError> {
        describe_call(&mut self.client.clone(), &self.label).await.map(drop)
    }

    /// Whether another start of the worker is known to be at the other end than the one that was `before`.
    pub(super) fn is_another_than(&self, before: Option<Instance>) -> bool {
        before.zip(self.description.instance).is_some_and(|(before, now)| before != now)
    }
}

/// Connects to a worker and asks who it is.
pub async fn connect(endpoint: &WorkerEndpoint) -> Result<Connection, DispatchError> {
    let address = endpoint.address.as_str();
    let bearer = Bearer::new(endpoint.token.as_ref())?;
    let (channel, word) = open(endpoint).await?;
    let mut client = WorkerClient::with_interceptor(channel, bearer)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let described = describe_call(&mut client, address).await;
    let described = described.map_err(|error| word.explain(address, error))?;
    let description = describe(address, described.worker.as_ref())?;
    tracing::info!(
        worker = endpoint.label(),
        device = description.device,
        provider = description.provider,
        worker_version = description.worker_version,
        max_items = description.credit.max_items,
        max_bytes = description.credit.max_bytes,
        "connected"
    );
    Ok(Connection { client, label: endpoint.label(), description: Arc::new(description) })
}

async fn describe_call(client: &mut Client, address: &str) -> Result<proto::DescribeResponse, DispatchError> {
    let mut request = Request::new(proto::DescribeRequest {});
    request.set_timeout(DESCRIBE_TIMEOUT);
    let response = client.describe(request).await.map_err(|status| refusal(address, &status))?;
    Ok(response.into_inner())
}

/// A channel to a worker, of which nothing is known yet but its certificate, if the endpoint says which; and
/// what it may say of ours.
pub(super) async fn open(endpoint: &WorkerEndpoint) -> Result<(Channel, LastWord), DispatchError> {
    let transport = transport(endpoint)?;
    let word = LastWord::default();
    let connected = match endpoint.certificate {
        None => transport.connect().await,
        Some(pinned) => {
            let config = tls::config(pinned, endpoint.own.as_ref())?;
            let word = word.clone();
            let connector = service_fn(move |uri| tls::connect(uri, Arc::clone(&config), word.clone()));
            transport.connect_with_connector(connector).await
        }
    };
    let channel = connected.map_err(|error| {
        let address = endpoint.address.clone();
        if let Some(TlsError::OtherCertificate) = cause::<TlsError>(&error) {
            DispatchError::OtherCertificate(address)
        } else {
            word.explain(&endpoint.address, DispatchError::Unreachable { address, reason: innermost(&error) })
        }
    })?;
    Ok((channel, word))
}

fn transport(endpoint: &WorkerEndpoint) -> Result<Endpoint, DispatchError> {
    Ok(endpoint
        .endpoint()?
        .connect_timeout(CONNECT_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME_BYTES)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true))
}

/// Looks at the version first: of a worker of another version nothing else need make sense.
fn describe(address: &str, worker: Option<&proto::WorkerInfo>) -> Result<WorkerDescription, DispatchError> {
    let not_a_worker = |reason: String| DispatchError::NotAWorker { address: address.to_owned(), reason };
    let worker = worker.ok_or_else(|| not_a_worker("it does not describe itself".to_owned()))?;
    if worker.protocol_version != PROTOCOL_VERSION {
        return Err(DispatchError::ProtocolVersion {
            address: address.to_owned(),
            theirs: worker.protocol_version,
            ours: PROTOCOL_VERSION,
        });
    }
    worker.try_into().map_err(|error: facesets_core::wire::WireError| not_a_worker(error.to_string()))
}

pub(super) fn refusal(address: &str, status: &Status) -> DispatchError {
    let address = address.to_owned();
    let reason = message(status);
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => DispatchError::Unauthenticated { address, reason },
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => {
            DispatchError::Unreachable { address, reason }
        }
        _ => DispatchError::NotAWorker { address, reason },
    }
}

/// A status in words.
pub(super) fn message(status: &Status) -> String {
    match (status.message(), status.source()) {
        ("", None) => status.code().to_string(),
        ("", Some(source)) => innermost(source),
        (message, _) => message.to_owned(),
    }
}

/// The cause of a certain type.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut error = error;
    loop {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        error = error.source()?;
    }
}

/// The cause at the bottom: "transport error" tells nobody anything.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// Puts the token into every call.
#[derive(Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    fn new(token: Option<&Token>) -> Result<Self, DispatchError> {
        let header = |token: &Token| {
            let mut value: MetadataValue<Ascii> =
                format!("Bearer {}", token.as_str()).parse().map_err(|_| DispatchError::InvalidToken)?;
            value.set_sensitive(true);
            Ok(value)
        };
        token.map(header).transpose().map(Self)
    }
}

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Bearer(…)" } else { "Bearer(none)" })
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(header) = &self.0 {
            request.metadata_mut().insert("authorization", header.clone());
        }
        Ok(request)
    }
}
