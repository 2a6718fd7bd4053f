//! The server around the service: limits, windows, keepalive, health, reflection, drain.

use std::{sync::Arc, time::Duration};

use facesets_core::wire::{
    CONNECTION_WINDOW, FILE_DESCRIPTOR_SET, MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, MAX_REQUEST_BYTES,
    STREAM_WINDOW,
    proto::{pairing_server::PairingServer, worker_server::WorkerServer},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{service::interceptor::InterceptedService, transport::Server};
use tonic_health::pb::health_server::HealthServer;

use super::{
    Protection, WorkerService, auth::Guard, calls::CountCalls, health::HealthService,
    known_clients::KnownClients, link::links, pairing::PairingService,
};
use crate::{pool::Clients, trust::TrustError};

/// How long a drain may take: longer than any item, shorter than the patience of whoever stops the worker.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// Silence after which the other side is asked whether it is still there.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// How long it may take to answer that.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Calls at once on one connection: a client needs one stream and a few questions.
const MAX_STREAMS: u32 = 32;

/// Of those, calls whose answers have not begun. A stream of work begins to answer at once.
const MAX_UNANSWERED: usize = 2;

/// How long a call may take to begin to answer, the arrival of what is asked included.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// Longest question where nothing long is asked, in bytes: everybody may ask for health.
const MAX_QUESTION_BYTES: usize = 4096;

/// A server that did not come to its end in order.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The transport failed.
    #[error("the server failed: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// Whom to let in is not known.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The descriptors that were compiled in are broken.
    #[error("the protocol cannot be described: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every accepted item was answered.
    Drained,
    /// [`DRAIN_LIMIT`] was over first.
    Abandoned,
}

/// Serves on `listener`, protected as asked for, until `drain` is cancelled; then refuses new items, finishes
/// those in flight within [`DRAIN_LIMIT`], and ends. Health is open in any case.
pub async fn serve(
    listener: TcpListener,
    service: WorkerService,
    protection: Protection,
    drain: CancellationToken,
) -> Result<Outcome, ServeError> {
    let Protection { token, tls, reflection: reflecting, limits } = protection;
    let (config, known_clients) = match tls {
        Some(tls) => (Some(tls.config), Some(KnownClients::of(tls.trust).await?)),
        None => (None, None),
    };
    let service = WorkerService {
        drain: drain.clone(),
        known_clients: known_clients.clone(),
        clients: Arc::new(Clients::new(limits.shares())),
        stall: limits.stall,
        max_transcoded: limits.max_transcoded(&service.description.limits),
        ..service
    };
    let pool = Arc::clone(&service.pool);
    let pairing = known_clients.clone().map(PairingService::new).map(PairingServer::new);
    let pairing = pairing.map(|pairing| pairing.max_decoding_message_size(MAX_QUESTION_BYTES));
    let guard = Guard { token, known_clients };
    let (reflection, reflection_alpha) = if reflecting {
        let (v1, v1alpha) = (reflection().build_v1()?, reflection().build_v1alpha()?);
        let v1 = v1.max_decoding_message_size(MAX_QUESTION_BYTES);
        let v1alpha = v1alpha.max_decoding_message_size(MAX_QUESTION_BYTES);
        let guarded = InterceptedService::new(v1, guard.clone());
        (Some(guarded), Some(InterceptedService::new(v1alpha, guard.clone())))
    } else {
        (None, None)
    };
    let health = HealthServer::new(HealthService::new(pool.condition().clone(), drain.clone()))
        .max_decoding_message_size(MAX_QUESTION_BYTES);
    let worker = WorkerServer::new(service)
        .max_decoding_message_size(MAX_REQUEST_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);

    let server = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME_BYTES)
        .max_concurrent_streams(MAX_STREAMS)
        .concurrency_limit_per_connection(MAX_UNANSWERED)
        .timeout(CALL_LIMIT)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .layer(CountCalls)
        .add_service(health)
        .add_service(InterceptedService::new(worker, guard))
        .add_optional_service(pairing)
        .add_optional_service(reflection)
        .add_optional_service(reflection_alpha)
        .serve_with_incoming_shutdown(
            links(limits, listener, config, drain.clone()),
            drain.clone().cancelled_owned(),
        );
    let too_late = async {
        drain.cancelled().await;
        tracing::info!("draining");
        tokio::time::sleep(DRAIN_LIMIT).await;
    };
    let outcome = tokio::select! {
        served = server => {
            served?;
            Outcome::Drained
        }
        () = too_late => Outcome::Abandoned,
    };
    let ended = tokio::task::spawn_blocking(move || {
        pool.shutdown(match outcome {
            Outcome::Drained => DRAIN_LIMIT,
            Outcome::Abandoned => Duration::ZERO,
        })
    });
    Ok(if ended.await.unwrap_or(false) { outcome } else { Outcome::Abandoned })
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
