//! Connections, from a socket to something that HTTP/2 can be spoken over: in plaintext, or TLS once the handshake is done.
//!
//! Nobody gets as far as the service without having said something: a connection that stays silent, or a handshake that does not come
//! to its end, is closed after [`HANDSHAKE_LIMIT`]. There are at most so many at once, of one address and of all, and one that has had no
//! call for a while is closed.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{Sleep, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{either::Either, sync::CancellationToken};
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::{
    Limits,
    attempts::neighbourhood,
    calls::{Calls, Connection},
};
use crate::telemetry::{self, Refusal};

/// How long a client may take from its connection to its first byte within TLS. On a network that is worth using it takes
/// milliseconds.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// Connections that wait to be served; the server takes them at once.
const WAITING: usize = 16;

/// After the system could not give a connection (no file descriptors are left, say), so that this is not asked for in circles.
const PAUSE: Duration = Duration::from_millis(100);

/// How often the log says that connections are refused, however many are.
const SAID_EVERY: Duration = Duration::from_mins(1);

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: Stream,
    peer: TcpConnectInfo,
    calls: Calls,
    /// How long it may be without a call, and when to look whether it was.
    idle: (Duration, Pin<Box<Sleep>>),
    _place: Place,
}

/// The connections of each address.
#[derive(Debug, Default, Clone)]
struct Places(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One of them.
#[derive(Debug)]
struct Place {
    places: Places,
    of: IpAddr,
    _counted: telemetry::Held,
}

impl Places {
    fn take(&self, limits: &Limits, peer: IpAddr) -> Result<Place, Refusal> {
        let of = neighbourhood(peer);
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.get(&of).is_some_and(|count| *count >= limits.connections_each) {
            return Err(Refusal::ClientConnections);
        }
        if taken.values().sum::<usize>() >= limits.connections {
            return Err(Refusal::Connections);
        }
        *taken.entry(of).or_default() += 1;
        Ok(Place { places: self.clone(), of, _counted: telemetry::Held::connection() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.of);
            }
        }
    }
}

/// In plaintext, or within TLS.
type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// Takes connections until `stop`, with TLS if there is a configuration of it.
pub(super) fn links(
    limits: Limits,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    stop: CancellationToken,
) -> ReceiverStream<io::Result<Link>> {
    links_within(HANDSHAKE_LIMIT, limits, listener, tls, stop)
}

fn links_within(
    handshake: Duration,
    limits: Limits,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    stop: CancellationToken,
) -> ReceiverStream<io::Result<Link>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let tls = tls.map(TlsAcceptor::from);
    tokio::spawn(async move {
        let places = Places::default();
        let mut said = None;
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => match places.take(&limits, peer.ip()) {
                    Ok(place) => {
                        let times = (handshake, limits.idle);
                        tokio::spawn(establish(times, (stream, peer), tls.clone(), place, sender.clone()));
                    }
                    Err(refusal) => {
                        telemetry::refused(refusal);
                        if said.is_none_or(|said: Instant| said.elapsed() > SAID_EVERY) {
                            said = Some(Instant::now());
                            tracing::warn!(%peer, ?refusal, "a connection is refused: there are enough");
                        }
                    }
                },
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be taken");
                    sleep(PAUSE).await;
                }
            }
        }
    });
    ReceiverStream::new(receiver)
}

async fn establish(
    (handshake, idle): (Duration, Duration),
    (stream, address): (TcpStream, SocketAddr),
    tls: Option<TlsAcceptor>,
    place: Place,
    to: mpsc::Sender<io::Result<Link>>,
) {
    let peer = stream.connect_info();
    match timeout(handshake, until_it_speaks(stream, tls)).await {
        Ok(Ok(stream)) => {
            let (calls, idle) = (Calls::none_yet(), (idle, Box::pin(sleep(idle))));
            // Whoever would serve it may have stopped.
            let _ = to.send(Ok(Link { stream, peer, calls, idle, _place: place })).await;
        }
        Ok(Err(error)) => tracing::info!(peer = %address, %error, "a connection came to nothing"),
        Err(_) => {
            telemetry::refused(Refusal::Silent);
            tracing::info!(peer = %address, limit = ?handshake, "a silent connection is closed");
        }
    }
}

/// With the handshake done and the first byte there to be read.
async fn until_it_speaks(stream: TcpStream, tls: Option<TlsAcceptor>) -> io::Result<Stream> {
    stream.set_nodelay(true)?;
    let Some(tls) = tls else {
        stream.peek(&mut [0]).await?;
        return Ok(Either::Left(stream));
    };
    let mut stream = tls.accept(stream).await?;
    stream.fill_buf().await?;
    Ok(Either::Right(Box::new(stream)))
}

impl Connected for Link {
    type ConnectInfo = Connection;

    fn connect_info(&self) -> Connection {
        Connection { peer: self.peer.clone(), calls: self.calls.clone() }
    }
}

impl Link {
    /// Ready when it has had no call for too long. Whoever serves a connection reads from it all the time, so this is asked often enough.
    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let (limit, look) = &mut self.idle;
        loop {
            ready!(look.as_mut().poll(context));
            let left = limit.saturating_sub(self.calls.idle_for());
            if left.is_zero() {
                telemetry::refused(Refusal::Idle);
                tracing::info!(peer = ?self.peer.remote_addr(), "a connection without a call is closed");
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            look.as_mut().reset((Instant::now() + left).into());
        }
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        // Looked at in any case: whoever sends nothing but pings is idle too.
        match self.poll_idle(context) {
            Poll::Ready(error) => Poll::Ready(Err(error)),
            Poll::Pending => read,
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_stream::StreamExt as _;

    use super::*;
    use crate::trust::Trust;

    /// Longer than a handshake here takes, and not long to wait for.
    const LIMIT: Duration = Duration::from_secs(1);

    async fn listening(tls: bool) -> (SocketAddr, ReceiverStream<io::Result<Link>>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let config = tls.then(|| Trust::new(folder.path()).identity().unwrap().server_config().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (address, links_within(LIMIT, Limits::default(), listener, config, CancellationToken::new()), folder)
    }

    /// Whether the other side has closed it, by now or soon.
    async fn is_closed(mut stream: TcpStream) -> bool {
        matches!(stream.read(&mut [0]).await, Ok(0) | Err(_))
    }

    #[tokio::test]
    async fn silent_connections_are_closed_and_give_their_places_back() {
        for tls in [false, true] {
            let (address, mut links, _folder) = listening(tls).await;
            let mut silent = Vec::new();
            for _ in 0..Limits::default().connections_each {
                silent.push(TcpStream::connect(address).await.unwrap());
            }
            for stream in silent {
                assert!(is_closed(stream).await);
            }
            if !tls {
                let mut client = TcpStream::connect(address).await.unwrap();
                client.write_all(b"hello").await.unwrap();
                let mut link = links.next().await.unwrap().unwrap();
                let mut heard = [0; 5];
                link.read_exact(&mut heard).await.unwrap();
                assert_eq!(&heard, b"hello");
            }
        }
    }

    /// A connection from an address of this machine that says something.
    async fn connect(from: &str, to: SocketAddr) -> TcpStream {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
        let mut stream = socket.connect(to).await.unwrap();
        // One that is refused may be gone already.
        let _ = stream.write_all(b"hello").await;
        stream
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_address_has_only_so_many_connections_and_each_that_ends_makes_room() {
        let (address, mut links, _folder) = listening(false).await;
        let (mut clients, mut served) = (Vec::new(), Vec::new());
        for _ in 0..Limits::default().connections_each {
            clients.push(connect("127.0.0.1", address).await);
            served.push(links.next().await.unwrap().unwrap());
        }
        assert!(is_closed(connect("127.0.0.1", address).await).await);
        let _other = connect("127.0.0.2", address).await;
        let _served = links.next().await.unwrap().unwrap();
        served.pop();
        clients.push(connect("127.0.0.1", address).await);
        served.push(links.next().await.unwrap().unwrap());
    }

    #[test]
    fn all_addresses_have_so_many_and_one_that_has_none_is_forgotten() {
        let limits = Limits { connections: 3, connections_each: 2, ..Limits::default() };
        let places = Places::default();
        let take = |last| {
            places.take(&limits, IpAddr::from([10, 0, 0, last])).map_err(|refusal| format!("{refusal:?}"))
        };
        let held = [take(1).unwrap(), take(1).unwrap(), take(2).unwrap()];
        assert_eq!(take(1).unwrap_err(), "ClientConnections");
        assert_eq!(take(3).unwrap_err(), "Connections");
        drop(held);
        assert!(places.0.lock().unwrap().is_empty());
        take(3).unwrap();
    }

    #[tokio::test]
    async fn what_speaks_no_tls_gets_no_further_than_the_handshake() {
        let (address, mut links, _folder) = listening(true).await;
        let mut plain = TcpStream::connect(address).await.unwrap();
        plain.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut said = Vec::new();
        let _ = plain.read_to_end(&mut said).await;
        // A fatal alert of TLS and nothing of HTTP/2.
        assert_eq!(said.first(), Some(&21), "{said:?}");
        let nobody = timeout(Duration::from_millis(200), links.next()).await;
        assert!(nobody.is_err(), "{nobody:?}");
    }
}
