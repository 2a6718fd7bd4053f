//! `/metrics` and `/healthz` on a port of their own, over plain HTTP: numbers, and nothing that needs a
//! secret.

use std::{io, sync::Arc, time::Duration};

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

/// How often samples are put into their buckets; until then each takes memory, whether anybody asks for them
/// or not.
const UPKEEP: Duration = Duration::from_secs(5);

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
    let keeping = tokio::spawn(keep_up(handle.clone()));
    let answering = Arc::new(Answering { handle, sources, drain: drain.clone() });
    let router =
        Router::new().route("/metrics", get(metrics)).route("/healthz", get(health)).with_state(answering);
    let served =
        axum::serve(Door::new(listener), router).with_graceful_shutdown(drain.cancelled_owned()).await;
    keeping.abort();
    served
}

async fn keep_up(handle: PrometheusHandle) {
    loop {
        handle.run_upkeep();
        tokio::time::sleep(UPKEEP).await;
    }
}

impl Answering {
    fn observed(&self) -> Observed {
        if self.drain.is_cancelled() { Observed::Draining } else { self.sources.observed() }
    }
}

async fn metrics(State(answering): State<Arc<Answering>>) -> impl IntoResponse {
    answering.sources.gather(answering.observed());
    (LAST_ANSWER, answering.handle.render())
}

/// 200 if items are taken, else 503, and why.
async fn health(State(answering): State<Arc<Answering>>) -> impl IntoResponse {
    let observed = answering.observed();
    let code = if observed == Observed::Serving { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, LAST_ANSWER, observed.words())
}
