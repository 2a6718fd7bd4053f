//! Connections, from a socket to something that HTTP/2 can be spoken over: in plaintext, or TLS once the handshake is done.
//!
//! Nobody gets as far as the service without having said something: a connection that stays silent, or a handshake that does not come
//! to its end, is closed after [`HANDSHAKE_LIMIT`], and there are at most [`MAX_CONNECTIONS`].

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// How long a client may take from its connection to its first byte within TLS. On a network that is worth using it takes
/// milliseconds.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// Connections at once, those in a handshake included. A client needs one, and two for a moment when it comes back.
pub const MAX_CONNECTIONS: usize = 64;

/// Connections that wait to be served; the server takes them at once.
const WAITING: usize = 16;

/// After the system could not give a connection (no file descriptors are left, say), so that this is not asked for in circles.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: Stream,
    peer: TcpConnectInfo,
    /// Its place among [`MAX_CONNECTIONS`].
    _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Takes connections until `stop`, with TLS if there is a configuration of it.
pub(super) fn links(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    stop: CancellationToken,
) -> ReceiverStream<io::Result<Link>> {
    links_within(HANDSHAKE_LIMIT, listener, tls, stop)
}

fn links_within(
    limit: Duration,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    stop: CancellationToken,
) -> ReceiverStream<io::Result<Link>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let tls = tls.map(TlsAcceptor::from);
    tokio::spawn(async move {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                        tracing::warn!(%peer, most = MAX_CONNECTIONS, "a connection is refused: there are enough");
                        continue;
                    };
                    tokio::spawn(establish(limit, (stream, peer), tls.clone(), place, sender.clone()));
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

async fn establish(
    limit: Duration,
    (stream, peer): (TcpStream, SocketAddr),
    tls: Option<TlsAcceptor>,
    place: OwnedSemaphorePermit,
    to: mpsc::Sender<io::Result<Link>>,
) {
    let info = stream.connect_info();
    match timeout(limit, until_it_speaks(stream, tls)).await {
        Ok(Ok(stream)) => {
            // Whoever would serve it may have stopped.
            let _ = to.send(Ok(Link { stream, peer: info, _place: place })).await;
        }
        Ok(Err(error)) => tracing::info!(%peer, %error, "a connection came to nothing"),
        Err(_) => tracing::info!(%peer, ?limit, "a silent connection is closed"),
    }
}

/// With the handshake done and the first byte there to be read.
async fn until_it_speaks(stream: TcpStream, tls: Option<TlsAcceptor>) -> io::Result<Stream> {
    stream.set_nodelay(true)?;
    let Some(tls) = tls else {
        stream.peek(&mut [0]).await?;
        return Ok(Stream::Plain(stream));
    };
    let mut stream = tls.accept(stream).await?;
    stream.fill_buf().await?;
    Ok(Stream::Tls(Box::new(stream)))
}

impl Connected for Link {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.peer.clone()
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
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
        (address, links_within(LIMIT, listener, config, CancellationToken::new()), folder)
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
            for _ in 0..MAX_CONNECTIONS {
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

    #[tokio::test]
    async fn there_are_only_so_many_connections_and_each_that_ends_makes_room() {
        let (address, mut links, _folder) = listening(false).await;
        let connect = async || {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // One that is refused may be gone already.
            let _ = stream.write_all(b"hello").await;
            stream
        };
        let mut clients = Vec::new();
        let mut served = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            clients.push(connect().await);
            served.push(links.next().await.unwrap().unwrap());
        }
        assert!(is_closed(connect().await).await);
        served.pop();
        clients.push(connect().await);
        served.push(links.next().await.unwrap().unwrap());
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
