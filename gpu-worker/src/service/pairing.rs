//! Pairing: a code's secret for a token. The only call that does something and asks for no token, and there
//! is none of it without TLS.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use facesets_core::wire::{
    PairingRequest,
    proto::{self, pairing_server::Pairing},
};
use tonic::{Request, Response, Status};

use super::{attempts::Attempts, calls::let_in, known_clients::KnownClients, stranger_log::worth_a_line};
use crate::trust::PairError;

/// Lets clients in.
#[derive(Debug, Clone)]
pub(super) struct PairingService {
    known_clients: KnownClients,
    attempts: Arc<Mutex<Attempts>>,
}

impl PairingService {
    pub(super) fn new(known_clients: KnownClients) -> Self {
        Self { known_clients, attempts: Arc::default() }
    }
}

#[tonic::async_trait]
impl Pairing for PairingService {
    async fn pair(
        &self,
        request: Request<proto::PairRequest>,
    ) -> Result<Response<proto::PairResponse>, Status> {
        let from = request.remote_addr().ok_or_else(|| Status::internal("the connection has no address"))?;
        if !self.attempts.lock().unwrap_or_else(PoisonError::into_inner).allow(from.ip(), Instant::now()) {
            if worth_a_line() {
                tracing::warn!(%from, "too many attempts to pair");
            }
            return Err(Status::resource_exhausted("too many attempts: wait a minute"));
        }
        let message = PairingRequest::try_from(request.get_ref())
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let client = message.client.clone();
        match self.known_clients.pair(message).await {
            Ok(token) => {
                // The code is used up: its answer must get there.
                let_in(request.extensions());
                tracing::info!(%from, %client, "a client is paired");
                Ok(Response::new(proto::PairResponse { token }))
            }
            Err(PairError::Refused(reason)) => {
                if worth_a_line() {
                    tracing::warn!(%from, %client, %reason, "a client is not paired");
                }
                Err(Status::permission_denied(reason.to_string()))
            }
            Err(PairError::Trust(error)) => {
                tracing::error!(%from, %client, %error, "a client cannot be paired");
                Err(Status::internal("the worker cannot write down whom it trusts; its log says why"))
            }
        }
    }
}
