//! How long a connection goes on, and how much is read of it: until its client has named itself little of
//! both, then until it has had no call for a while.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::time::{Sleep, sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::{Limits, calls::Connection, stranger_log::worth_a_line};
use crate::{
    connection_limits::ConnectionSlot,
    guarded::Guard,
    telemetry::{self, Refusal},
};

/// Bytes that are read from a client before it has named itself; a call with a token has some hundred. What
/// follows waits on its own side, for [`LAST_CHANCE`].
pub(super) const MOST_FROM_STRANGERS: usize = 64 * 1024;

/// For a call with a token that was read already, and that the worker has not come to. A client that is
/// neither read from nor closed would wait for answers that do not come.
pub(super) const LAST_CHANCE: Duration = Duration::from_secs(1);

/// How long one connection goes on.
#[derive(Debug)]
pub(super) struct ConnectionDeadline {
    connection: Connection,
    limits: Limits,
    /// Bytes that were read.
    heard: usize,
    /// Since when no more are, as the client has not named itself.
    deaf: Option<Instant>,
    /// When to look next whether it has been without a call for too long.
    look: Pin<Box<Sleep>>,
    named: Pin<Box<WaitForCancellationFutureOwned>>,
    lost: Pin<Box<WaitForCancellationFutureOwned>>,
    severed: Pin<Box<WaitForCancellationFutureOwned>>,
    _place: Counted,
}

/// A place, and that it shows in the metrics.
#[derive(Debug)]
pub(super) struct Counted {
    place: ConnectionSlot,
    _gauge: telemetry::Held,
}

impl Counted {
    pub(super) fn new(place: ConnectionSlot) -> Self {
        Self { place, _gauge: telemetry::Held::connection() }
    }

    pub(super) fn place(&self) -> &ConnectionSlot {
        &self.place
    }
}

impl ConnectionDeadline {
    pub(super) fn new(limits: Limits, connection: Connection, counted: Counted) -> Self {
        let place = counted.place();
        Self {
            limits,
            heard: 0,
            deaf: None,
            look: Box::pin(sleep(limits.nameless.saturating_sub(connection.calls.idle_for()))),
            named: Box::pin(place.named().clone().cancelled_owned()),
            lost: Box::pin(place.lost().clone().cancelled_owned()),
            severed: Box::pin(connection.calls.severed().clone().cancelled_owned()),
            connection,
            _place: counted,
        }
    }

    /// Whose it is, and its calls.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    fn is_named(&self) -> bool {
        self.connection.calls.named().is_cancelled()
    }

    /// How much longer it goes on as things are, and what it is called if that is over.
    fn left(&self) -> (Duration, Refusal) {
        let idle_for = self.connection.calls.idle_for();
        if self.is_named() {
            return (self.limits.idle.saturating_sub(idle_for), Refusal::Idle);
        }
        let left = self.limits.nameless.saturating_sub(idle_for);
        let left = self.deaf.map_or(left, |since| left.min(LAST_CHANCE.saturating_sub(since.elapsed())));
        (left, Refusal::Nameless)
    }

    fn tell(&self, refusal: Refusal) {
        telemetry::refused(refusal);
        let (peer, heard) = (self.connection.peer.remote_addr(), self.heard);
        if refusal == Refusal::Idle {
            tracing::info!(?peer, "a connection without a call is closed");
        } else if worth_a_line() {
            let limit = self.limits.nameless;
            tracing::info!(?peer, ?limit, heard, "a connection is closed whose client has named no token");
        }
    }
}

impl Guard for ConnectionDeadline {
    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let is_lost = !self.is_named() && self.lost.as_mut().poll(context).is_ready();
        if is_lost || self.severed.as_mut().poll(context).is_ready() {
            return Poll::Ready(io::ErrorKind::ConnectionAborted.into());
        }
        loop {
            ready!(self.look.as_mut().poll(context));
            let (left, refusal) = self.left();
            if left.is_zero() {
                self.tell(refusal);
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.look.as_mut().reset((Instant::now() + left).into());
        }
    }

    fn poll_hear(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.heard < MOST_FROM_STRANGERS || self.is_named() {
            return Poll::Ready(Ok(()));
        }
        if self.deaf.is_none() {
            self.deaf = Some(Instant::now());
            self.look.as_mut().reset((Instant::now() + LAST_CHANCE).into());
            if let Poll::Ready(error) = self.poll_over(context) {
                return Poll::Ready(Err(error));
            }
        }
        self.named.as_mut().poll(context).map(Ok)
    }

    fn heard(&mut self, bytes: usize) {
        self.heard = self.heard.saturating_add(bytes);
    }
}
