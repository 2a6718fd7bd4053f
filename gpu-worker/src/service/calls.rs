//! The calls of a connection that were let in: whether there are any, and since when there are none.
//!
//! Health, and whatever is refused, counts for nothing: a connection is not kept open by asking what
//! everybody may ask.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio_util::sync::CancellationToken;
use tonic::{
    Extensions,
    body::Body,
    codegen::{BoxFuture, Service, http},
    transport::server::TcpConnectInfo,
};
use tower::Layer;

/// What a connection's calls have in common.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub(super) peer: TcpConnectInfo,
    pub(super) calls: Calls,
}

/// Counts the calls of one connection that were let in.
#[derive(Debug, Clone)]
pub(super) struct Calls {
    /// Cancelled when the first of them is.
    named: CancellationToken,
    /// Cancelled when the connection is to end whatever its client does.
    severed: CancellationToken,
    count: Arc<Mutex<Count>>,
}

#[derive(Debug)]
struct Count {
    open: usize,
    /// When there last was a call, or the connection began.
    last: Instant,
}

/// A call, for as long as this lives.
#[derive(Debug)]
struct Call(Admission);

/// What whoever lets a call in finds with its request.
#[derive(Debug, Clone)]
struct Admission {
    calls: Calls,
    given: Arc<AtomicBool>,
}

/// Notes that a call is let in: whoever makes it has named itself.
pub(super) fn let_in(request: &Extensions) {
    if let Some(admission) = request.get::<Admission>() {
        admission.give();
    }
}

/// The calls of the connection over which a request came; none where there was no connection.
pub(super) fn of(request: &Extensions) -> Option<Calls> {
    request.get::<Admission>().map(|admission| admission.calls.clone())
}

impl Calls {
    /// Of a connection whose client has named itself when `named` is cancelled.
    pub(super) fn none_yet(named: CancellationToken) -> Self {
        let severed = CancellationToken::new();
        Self { named, severed, count: Arc::new(Mutex::new(Count { open: 0, last: Instant::now() })) }
    }

    /// Whether there has been one.
    pub(super) fn named(&self) -> &CancellationToken {
        &self.named
    }

    /// Ends the connection after so much time.
    pub(super) fn sever_in(self, time: Duration) {
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            self.severed.cancel();
        });
    }

    /// Whether the connection is to end.
    pub(super) fn severed(&self) -> &CancellationToken {
        &self.severed
    }

    /// For how long there has been none.
    pub(super) fn idle_for(&self) -> Duration {
        let count = self.count();
        if count.open > 0 { Duration::ZERO } else { count.last.elapsed() }
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admission {
    fn give(&self) {
        if !self.given.swap(true, Ordering::Relaxed) {
            self.calls.count().open += 1;
            self.calls.named.cancel();
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.0.given.load(Ordering::Relaxed) {
            let mut count = self.0.calls.count();
            count.open -= 1;
            count.last = Instant::now();
        }
    }
}

/// Counts every call from its request to the last byte of its answer, and says where it comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct CountCalls;

#[derive(Debug, Clone)]
pub(super) struct Counted<S>(S);

impl<S> Layer<S> for CountCalls {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted(inner)
    }
}

impl<S> Service<http::Request<Body>> for Counted<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<Self::Response, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let connection = request.extensions_mut().remove::<Connection>();
        let call = connection.map(|Connection { peer, calls }| {
            let admission = Admission { calls, given: Arc::default() };
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(admission.clone());
            Call(admission)
        });
        let answer = self.0.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            Ok(answer.map(|body| Body::new(Answer { body, _call: call })))
        })
    }
}

/// The body of an answer, which ends its call when it is dropped.
struct Answer {
    body: Body,
    _call: Option<Call>,
}

impl HttpBody for Answer {
    type Data = <Body as HttpBody>::Data;
    type Error = <Body as HttpBody>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
