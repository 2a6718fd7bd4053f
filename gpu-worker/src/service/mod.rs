//! The protocol: the only place that knows gRPC.
//!
//! [`serve`] answers on a listener until it is told to drain. What an item means is the pool's business.

mod attempts;
mod auth;
mod calls;
mod connection_deadline;
mod health;
mod known_clients;
mod limits;
mod link;
mod pace;
mod pairing;
mod process;
mod protection;
mod replies;
mod server;
mod stranger_log;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use facesets_core::wire::{
    WorkerDescription,
    proto::{self, worker_server::Worker},
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

pub use auth::{InvalidToken, Token};
pub use limits::Limits;
pub use link::HANDSHAKE_LIMIT;
pub use protection::{Protection, Tls};
pub use server::{DRAIN_LIMIT, Outcome, ServeError, serve};

use self::{auth::Paired, known_clients::KnownClients, process::Reader, replies::Replies};
use crate::{
    connection_limits::neighbourhood,
    packs::Packs,
    pool::{ClientId, Clients, Pool, TooMany},
    telemetry::{self, Refusal},
};

/// How long whoever opens too many streams waits to hear so, and whoever does not keep to the protocol for
/// the place of its stream: a client that tries again at once, again and again, would cost the others more
/// than one that is served.
const COOLING: Duration = Duration::from_secs(1);

/// What the service answers with.
#[derive(Debug, Clone)]
pub struct WorkerService {
    description: Arc<WorkerDescription>,
    pool: Arc<Pool>,
    packs: Option<Arc<Packs>>,
    known_clients: Option<KnownClients>,
    drain: CancellationToken,
    clients: Arc<Clients>,
    stall: Duration,
    /// Bytes of an image that a client has encoded anew.
    max_transcoded: u64,
}

impl WorkerService {
    /// A service that says `description` of itself, whose credit and limits it also enforces, and gives items
    /// to `pool`.
    pub fn new(description: WorkerDescription, pool: Arc<Pool>) -> Self {
        let limits = Limits::default();
        Self {
            max_transcoded: limits.max_transcoded(&description.limits),
            description: Arc::new(description),
            pool,
            packs: None,
            known_clients: None,
            drain: CancellationToken::new(),
            clients: Arc::new(Clients::new(limits.shares())),
            stall: limits.stall,
        }
    }

    /// The same, which says of `packs` what is true when it is asked.
    #[must_use]
    pub fn with_packs(self, packs: Arc<Packs>) -> Self {
        Self { packs: Some(packs), ..self }
    }

    /// What people call a client: the name under which it has paired, else its address.
    fn label(&self, id: ClientId) -> String {
        match id {
            ClientId::Paired(token) => {
                let known = self.known_clients.as_ref();
                known.and_then(|known| known.name(&token)).unwrap_or_else(|| "revoked".to_owned())
            }
            ClientId::Address(address) => address.to_string(),
            ClientId::Local => "local".to_owned(),
        }
    }

    /// Returns when a client that was known is so no more; never for any other.
    fn revoked(&self, paired: Option<Paired>) -> impl Future<Output = ()> + use<> {
        let known = self.known_clients.clone().zip(paired);
        async move {
            match known {
                Some((known_clients, Paired(token))) => known_clients.revoked(token).await,
                None => std::future::pending().await,
            }
        }
    }

    /// What it says of itself now.
    async fn described(&self) -> proto::WorkerInfo {
        let mut description = (*self.description).clone();
        if let Some(packs) = self.packs.clone() {
            // Manifests are read from the disk.
            if let Ok(now) = tokio::task::spawn_blocking(move || packs.describe()).await {
                description.packs = now;
            }
        }
        (&description).into()
    }
}

#[tonic::async_trait]
impl Worker for WorkerService {
    async fn describe(
        &self,
        _request: Request<proto::DescribeRequest>,
    ) -> Result<Response<proto::DescribeResponse>, Status> {
        let worker = Some(self.described().await);
        Ok(Response::new(proto::DescribeResponse { worker }))
    }

    type ProcessStream = Replies;

    async fn process(
        &self,
        request: Request<Streaming<proto::ProcessRequest>>,
    ) -> Result<Response<Replies>, Status> {
        let paired = request.extensions().get::<Paired>().copied();
        let id = who(paired, &request)?;
        let calls = calls::of(request.extensions());
        let place = match self.clients.enter(id) {
            Ok(place) => Arc::new(place),
            Err(reason) => {
                tokio::time::sleep(COOLING).await;
                return Err(refuse(reason));
            }
        };
        let label = self.label(id);
        let (submitter, answers) = self.pool.open_for(place.client(), &label, self.description.credit);
        let (reader, immediate) =
            Reader::new(self.clone(), request.into_inner(), submitter, Arc::clone(&place));
        tokio::spawn(reader.run(self.revoked(paired), calls));
        Ok(Response::new(Replies::new(immediate, answers, place)))
    }
}

/// Whom limits and turns count by: the client that has paired, else whoever is at the address.
fn who<T>(paired: Option<Paired>, request: &Request<T>) -> Result<ClientId, Status> {
    if let Some(Paired(token)) = paired {
        return Ok(ClientId::Paired(token));
    }
    let from = request.remote_addr().ok_or_else(|| Status::internal("the connection has no address"))?;
    Ok(ClientId::Address(neighbourhood(from.ip())))
}

fn refuse(reason: TooMany) -> Status {
    telemetry::refused(match reason {
        TooMany::OfOne(_) => Refusal::ClientStreams,
        TooMany::OfAll(_) => Refusal::Streams,
    });
    Status::resource_exhausted(reason.to_string())
}
