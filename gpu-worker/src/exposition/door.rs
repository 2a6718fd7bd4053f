//! Who gets in to ask for numbers: nobody is asked for a secret there, so nobody may stay.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Sleep, sleep},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::{
    connection_limits::{ConnectionLimits, ConnectionSlot},
    guarded::{Guard, Guarded},
};

/// Visitors at once. Whoever scrapes needs one.
const VISITORS: usize = 32;

/// Of one address.
const VISITORS_EACH: usize = 8;

/// From the connection to the end of the answer.
const VISIT: Duration = Duration::from_secs(10);

/// After the system could not give a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener whose visitors make room for each other.
#[derive(Debug)]
pub(super) struct Door {
    listener: TcpListener,
    places: ConnectionLimits,
    visit: Duration,
}

/// A visitor's connection.
pub(super) type Visitor = Guarded<TcpStream, Visit>;

/// How long it lasts: until its time is over or another visitor needs its place.
#[derive(Debug)]
pub(super) struct Visit {
    late: Pin<Box<Sleep>>,
    lost: Pin<Box<WaitForCancellationFutureOwned>>,
    _place: ConnectionSlot,
}

impl Door {
    pub(super) fn new(listener: TcpListener) -> Self {
        // Answers are finished also when the worker drains.
        let places = ConnectionLimits::new(VISITORS, VISITORS_EACH, CancellationToken::new());
        Self { listener, places, visit: VISIT }
    }
}

impl Listener for Door {
    type Io = Visitor;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visitor, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    if let Ok((place, _)) = self.places.take(peer.ip()) {
                        let late = Box::pin(sleep(self.visit));
                        let lost = Box::pin(place.lost().clone().cancelled_owned());
                        return (Guarded::new(stream, Visit { late, lost, _place: place }), peer);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection for metrics cannot be taken");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Guard for Visit {
    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        if self.late.as_mut().poll(context).is_ready() || self.lost.as_mut().poll(context).is_ready() {
            return Poll::Ready(io::ErrorKind::TimedOut.into());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpSocket,
    };

    use super::*;

    async fn open(visit: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "numbers" }));
        let door = Door { visit, ..Door::new(listener) };
        tokio::spawn(async move { axum::serve(door, router).await });
        address
    }

    async fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        socket.connect(to).await.unwrap()
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn whoever_only_stands_in_the_door_keeps_nobody_out() {
        let address = open(VISIT).await;
        let mut standing = Vec::new();
        for number in 0..2 * VISITORS {
            let mut visitor = connect([127, 0, 1, (number % 16) as u8], address).await;
            visitor.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
            standing.push(visitor);
        }
        let mut scraper = connect([127, 0, 0, 2], address).await;
        scraper.write_all(b"GET / HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        scraper.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("numbers"), "{answer}");
    }

    #[tokio::test]
    async fn nobody_stays() {
        let address = open(Duration::from_millis(200)).await;
        let mut visitor = TcpStream::connect(address).await.unwrap();
        visitor.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let mut answer = Vec::new();
        let _ = visitor.read_to_end(&mut answer).await;
        assert_eq!(answer, b"");
    }
}
