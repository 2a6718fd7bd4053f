//! `grpc.health.v1`: what is true at the moment of asking, and every change of it to whoever watches.

use std::pin::Pin;

use facesets_core::wire::proto::worker_server;
use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tonic_health::{
    ServingStatus,
    pb::{HealthCheckRequest, HealthCheckResponse, health_server::Health},
};

use crate::device::{Condition, DeviceState};

/// Changes that a watcher has not taken yet; it then waits for what is true when it takes it.
const UNTAKEN: usize = 1;

/// Answers about the worker as a whole (`""`) and its service.
#[derive(Debug, Clone)]
pub(super) struct HealthService {
    condition: Condition,
    drain: CancellationToken,
}

impl HealthService {
    /// Health of a worker on devices in that `condition`, until `drain` is cancelled.
    ///
    /// A worker whose device is gone stays up, to say so: not serving, and every item may be tried elsewhere.
    pub(super) fn new(condition: Condition, drain: CancellationToken) -> Self {
        Self { condition, drain }
    }

    fn status(&self, device: DeviceState) -> ServingStatus {
        if device == DeviceState::Working && !self.drain.is_cancelled() {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        }
    }

    /// Comes back with what is true as soon as it is something else than `said`.
    async fn other_than(&self, said: Option<ServingStatus>) -> ServingStatus {
        loop {
            let device = self.condition.now();
            let status = self.status(device);
            if Some(status) != said {
                return status;
            }
            tokio::select! {
                _ = self.condition.other_than(device) => {}
                () = self.drain.cancelled(), if !self.drain.is_cancelled() => {}
            }
        }
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status as i32 }
}

fn known(service: &str) -> Result<(), Status> {
    let is_known = service.is_empty() || service == worker_server::SERVICE_NAME;
    is_known.then_some(()).ok_or_else(|| Status::not_found("there is no such service"))
}

#[tonic::async_trait]
impl Health for HealthService {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        known(&request.get_ref().service)?;
        Ok(Response::new(answer(self.status(self.condition.now()))))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        known(&request.get_ref().service)?;
        let (sender, receiver) = tokio::sync::mpsc::channel(UNTAKEN);
        let health = self.clone();
        tokio::spawn(async move {
            let mut said = None;
            loop {
                let status = tokio::select! {
                    () = sender.closed() => return,
                    status = health.other_than(said) => status,
                };
                said = Some(status);
                // Its last word; a watcher must not keep a worker that is told to go.
                let is_over = health.drain.is_cancelled();
                if sender.send(answer(status)).await.is_err() || is_over {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver).map(Ok))))
    }
}
