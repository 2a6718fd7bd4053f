//! `/metrics` and `/healthz` on a port of their own, over plain HTTP: numbers, and nothing that needs a secret.

use std::{io, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONNECTION},
    response::{AppendHeaders, IntoResponse},
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Observed, Sources, door::Door};

/// Whoever comes back takes a new connection: places are few.
const LAST_ANSWER: AppendHeaders<[(axum::http::HeaderName, &str); 1]> =
    AppendHeaders([(CONNECTION, "close")]);

struct Answering {
    handle: PrometheusHandle,
    sources: Sources,
    drain: CancellationToken,
}

/// Answers on `listener` until `drain` is cancelled and what was asked before is answered.
pub async fn serve(
    listener: TcpListener,
    handle: PrometheusHandle,
    sources: Sources,
    drain: CancellationToken,
) -> io::Result<()> {
    let answering = Arc::new(Answering { handle, sources, drain: drain.clone() });
    let router =
        Router::new().route("/metrics", get(metrics)).route("/healthz", get(health)).with_state(answering);
    axum::serve(Door::new(listener), router).with_graceful_shutdown(drain.cancelled_owned()).await
}

impl Answering {
    fn observed(&self) -> Observed {
        if self.drain.is_cancelled() { Observed::Draining } else { self.sources.observed() }
    }
}

async fn metrics(State(answering): State<Arc<Answering>>) -> impl IntoResponse {
    answering.sources.gather(answering.observed());
    answering.handle.run_upkeep();
    (LAST_ANSWER, answering.handle.render())
}

/// 200 if items are taken, else 503, and why.
async fn health(State(answering): State<Arc<Answering>>) -> impl IntoResponse {
    let observed = answering.observed();
    let code = if observed == Observed::Serving { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, LAST_ANSWER, observed.words())
}
