//! Connections, from a socket to something that HTTP/2 can be spoken over: in plaintext, or TLS once the
//! handshake is done.
//!
//! Nobody gets as far as the service without having said something: a connection that stays silent, or a
//! handshake that does not come to its end, is closed after [`HANDSHAKE_LIMIT`]. There are at most so many at
//! once, of one address and of all. What becomes of one that has come so far is [`ConnectionDeadline`]'s to
//! say.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{either::Either, sync::CancellationToken};
use tonic::transport::server::Connected;

use super::{
    Limits,
    calls::{Calls, Connection},
    connection_deadline::{ConnectionDeadline, Counted, MOST_FROM_STRANGERS},
    stranger_log::worth_a_line,
};
use crate::{
    connection_limits::{ConnectionLimits, Full},
    guarded::Guarded,
    telemetry::{self, Refusal},
};

/// How long a client may take from its connection to its first byte within TLS. On a network that is worth
/// using it takes milliseconds.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// Connections that wait to be served; the server takes them at once.
const WAITING: usize = 16;

/// After the system could not give a connection (no file descriptors are left, say), so that this is not
/// asked for in circles.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a client whose handshake has failed is heard out, so that it hears why: closing at once would
/// take the reason back.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection that is served.
pub(super) type Link = Guarded<Stream, ConnectionDeadline>;

/// In plaintext, or within TLS.
type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// Why a connection does not get as far as the service.
enum Failed {
    /// It is broken.
    Broken(io::Error),
    /// No TLS; the other side may not have heard why.
    Handshake(io::Error, TcpStream),
}

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
        let places = ConnectionLimits::new(limits.connections, limits.connections_each, stop.clone());
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    if let Some(place) = place(&places, peer) {
                        let handshake = handshake.min(limits.nameless);
                        tokio::spawn(establish(
                            handshake,
                            limits,
                            stream,
                            peer,
                            tls.clone(),
                            place,
                            sender.clone(),
                        ));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be taken");
                    sleep(PAUSE).await;
                }
            }
        }
    });
    ReceiverStream::new(receiver)
}

fn place(places: &ConnectionLimits, peer: SocketAddr) -> Option<Counted> {
    match places.take(peer.ip()) {
        Ok((place, displaced)) => {
            if displaced {
                telemetry::refused(Refusal::Displaced);
                if worth_a_line() {
                    tracing::warn!(%peer, "a connection takes the place of one whose client has named no token");
                }
            }
            Some(Counted::new(place))
        }
        Err(full) => {
            let refusal = match full {
                Full::All => Refusal::Connections,
                Full::Each => Refusal::ClientConnections,
            };
            telemetry::refused(refusal);
            if worth_a_line() {
                tracing::warn!(%peer, ?refusal, "a connection is refused: there are enough");
            }
            None
        }
    }
}

async fn establish(
    handshake: Duration,
    limits: Limits,
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    counted: Counted,
    to: mpsc::Sender<io::Result<Link>>,
) {
    let (peer, place) = (stream.connect_info(), counted.place());
    let calls = Calls::none_yet(place.named().clone());
    let spoken = tokio::select! {
        biased;
        () = place.lost().cancelled() => return,
        spoken = timeout(handshake, until_it_speaks(stream, tls)) => spoken,
    };
    match spoken {
        Ok(Ok(stream)) => {
            // Whoever would serve it may have stopped.
            let patience = ConnectionDeadline::new(limits, Connection { peer, calls }, counted);
            let _ = to.send(Ok(Link::new(stream, patience))).await;
        }
        Ok(Err(Failed::Broken(error))) => {
            if worth_a_line() {
                tracing::info!(peer = %address, %error, "a connection came to nothing");
            }
        }
        Ok(Err(Failed::Handshake(error, stream))) => {
            tell_of(&error, address);
            let _ = timeout(FAREWELL, take_leave(stream)).await;
        }
        Err(_) => {
            telemetry::refused(Refusal::Silent);
            if worth_a_line() {
                tracing::info!(peer = %address, limit = ?handshake, "a silent connection is closed");
            }
        }
    }
}

/// With the handshake done and the first byte there to be read.
async fn until_it_speaks(stream: TcpStream, tls: Option<TlsAcceptor>) -> Result<Stream, Failed> {
    stream.set_nodelay(true).map_err(Failed::Broken)?;
    let Some(tls) = tls else {
        stream.peek(&mut [0]).await.map_err(Failed::Broken)?;
        return Ok(Either::Left(stream));
    };
    let accepted = tls.accept(stream).into_fallible().await;
    let mut stream = accepted.map_err(|(error, stream)| Failed::Handshake(error, stream))?;
    stream.fill_buf().await.map_err(Failed::Broken)?;
    Ok(Either::Right(Box::new(stream)))
}

/// Says why a handshake failed; a certificate that does not count is a refusal.
fn tell_of(error: &io::Error, peer: SocketAddr) {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let refused =
        matches!(cause, Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_)));
    if refused {
        telemetry::refused(Refusal::Certificate);
    }
    if worth_a_line() {
        if refused {
            tracing::warn!(%peer, %error, "a client without a certificate that counts is refused");
        } else {
            tracing::info!(%peer, %error, "a connection came to nothing");
        }
    }
}

/// Ends what we say, and reads what the other side has said already, as far as one may of a stranger.
async fn take_leave(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(MOST_FROM_STRANGERS as u64), &mut tokio::io::sink()).await.map(drop)
}

impl Connected for Link {
    type ConnectInfo = Connection;

    fn connect_info(&self) -> Connection {
        self.guard().connection().clone()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_stream::StreamExt as _;

    use super::{super::connection_deadline::LAST_CHANCE, *};
    use crate::trust::Trust;

    /// Longer than a handshake here takes, and not long to wait for.
    const LIMIT: Duration = Duration::from_secs(1);

    async fn listening(tls: bool) -> (SocketAddr, ReceiverStream<io::Result<Link>>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let config = tls.then(|| Trust::new(folder.path()).identity().unwrap().server_config(None).unwrap());
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
            let link = links.next().await.unwrap().unwrap();
            link.guard().connection().calls.named().cancel();
            served.push(link);
        }
        assert!(is_closed(connect("127.0.0.1", address).await).await);
        let _other = connect("127.0.0.2", address).await;
        let _served = links.next().await.unwrap().unwrap();
        served.pop();
        clients.push(connect("127.0.0.1", address).await);
        served.push(links.next().await.unwrap().unwrap());
    }

    /// A server with one place, and a client that has it.
    async fn one_place(limits: Limits) -> (SocketAddr, ReceiverStream<io::Result<Link>>, TcpStream, Link) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits { connections: 1, ..limits };
        let mut links = links_within(LIMIT, limits, listener, None, CancellationToken::new());
        let client = connect("127.0.0.1", address).await;
        let link = links.next().await.unwrap().unwrap();
        (address, links, client, link)
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn whoever_has_named_no_token_loses_its_place_to_another_address() {
        let (address, mut links, _client, mut link) = one_place(Limits::default()).await;
        let _other = connect("127.0.0.2", address).await;
        let other = links.next().await.unwrap().unwrap();
        assert_eq!(link.read(&mut [0; 9]).await.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        other.guard().connection().calls.named().cancel();
        assert!(is_closed(connect("127.0.0.1", address).await).await, "there is no place for a third one");
    }

    #[tokio::test]
    async fn whoever_names_no_token_is_closed_in_time_even_where_it_reads_nothing() {
        let limits = Limits { nameless: LIMIT, ..Limits::default() };
        let (_address, _links, _client, mut link) = one_place(limits).await;
        // More than any system holds for a client that does not read.
        let written = timeout(10 * LIMIT, link.write_all(&vec![0; 64 << 20])).await.unwrap();
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn little_is_read_of_a_client_until_it_has_named_itself_and_then_everything() {
        const ALL: usize = 4 * MOST_FROM_STRANGERS;
        let (_address, _links, mut client, mut link) = one_place(Limits::default()).await;
        let sending = tokio::spawn(async move { client.write_all(&vec![7; ALL]).await });
        let (mut heard, mut buffer) = (0, vec![0; 1024]);
        while let Ok(read) = timeout(LAST_CHANCE / 4, link.read(&mut buffer)).await {
            heard += read.unwrap();
        }
        assert!((MOST_FROM_STRANGERS..MOST_FROM_STRANGERS + buffer.len()).contains(&heard), "{heard}");
        let named = link.guard().connection().calls.named().clone();
        tokio::spawn(async move {
            // The reader waits already, and is woken.
            sleep(LAST_CHANCE / 4).await;
            named.cancel();
        });
        while heard < ALL {
            heard += timeout(10 * LIMIT, link.read(&mut buffer)).await.unwrap().unwrap();
        }
        sending.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn whoever_says_much_and_no_name_is_closed_rather_than_left_without_an_answer() {
        let (_address, _links, mut client, mut link) = one_place(Limits::default()).await;
        let sending = tokio::spawn(async move { client.write_all(&vec![7; 4 * MOST_FROM_STRANGERS]).await });
        let heard = async {
            let mut buffer = vec![0; 1024];
            loop {
                if let Err(error) = link.read(&mut buffer).await {
                    return error.kind();
                }
            }
        };
        assert_eq!(timeout(5 * LAST_CHANCE, heard).await.unwrap(), io::ErrorKind::TimedOut);
        drop(link);
        let _ = sending.await;
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
