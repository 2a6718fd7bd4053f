//! The protocol: the only place that knows gRPC.
//!
//! [`serve`] answers on a listener until it is told to drain. What an item means is the pool's business.

mod acquaintances;
mod attempts;
mod auth;
mod link;
mod pairing;
mod process;
mod protection;
mod replies;
mod server;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use facesets_core::wire::{
    WorkerDescription,
    proto::{self, worker_server::Worker},
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

pub use auth::{InvalidToken, Token};
pub use link::{HANDSHAKE_LIMIT, MAX_CONNECTIONS};
pub use protection::{Protection, Tls};
pub use server::{DRAIN_LIMIT, Outcome, ServeError, serve};

use self::{acquaintances::Acquaintances, auth::Paired, process::Reader, replies::Replies};
use crate::{packs::Packs, pool::Pool};

/// What the service answers with.
#[derive(Debug, Clone)]
pub struct WorkerService {
    description: Arc<WorkerDescription>,
    pool: Arc<Pool>,
    packs: Option<Arc<Packs>>,
    acquaintances: Option<Acquaintances>,
    drain: CancellationToken,
}

impl WorkerService {
    /// A service that says `description` of itself, whose credit and limits it also enforces, and gives items to `pool`.
    pub fn new(description: WorkerDescription, pool: Arc<Pool>) -> Self {
        Self {
            description: Arc::new(description),
            pool,
            packs: None,
            acquaintances: None,
            drain: CancellationToken::new(),
        }
    }

    /// The same, which says of `packs` what is true when it is asked.
    #[must_use]
    pub fn with_packs(self, packs: Arc<Packs>) -> Self {
        Self { packs: Some(packs), ..self }
    }

    /// Returns when a client that was known is so no more; never for any other.
    fn revoked(&self, paired: Option<Paired>) -> impl Future<Output = ()> + use<> {
        let known = self.acquaintances.clone().zip(paired);
        async move {
            match known {
                Some((acquaintances, Paired(token))) => acquaintances.revoked(token).await,
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
        let (submitter, answers) = self.pool.open(self.description.credit);
        let paired = request.extensions().get::<Paired>().copied();
        let (reader, immediate) = Reader::new(self.clone(), request.into_inner(), submitter);
        tokio::spawn(reader.run(self.revoked(paired)));
        Ok(Response::new(Replies::new(immediate, answers)))
    }
}
