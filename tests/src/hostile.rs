//! Clients that do not mean well, each from an address of its own on this machine, and one that does.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use facesets_core::wire::{
    AnalyzeFaces, Item, ItemReply, MAX_CHUNK_BYTES, PROTOCOL_VERSION, Task, WorkerDescription,
    proto::{self, process_request, worker_client::WorkerClient},
    requests,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Status, Streaming,
    transport::{Channel, Endpoint},
};

/// Streams that an attack opens, far more than a client may have.
const STREAMS: usize = 100;

/// On so many connections.
const CONNECTIONS: usize = 8;

/// What an item of an attack is said to be long.
const SIZE: usize = 8 << 20;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a client does.
#[derive(Debug, Clone)]
pub enum Attack {
    /// Items of these bytes as fast as they are taken, on a hundred streams.
    Flood(Bytes),
    /// The same, and no answer is ever read.
    Stall,
    /// A hundred items that begin and do not go on.
    Half,
    /// Items that are longer than they said, or say that they are endless.
    Lie,
    /// A thousand connections.
    Connections,
    /// Items that come a few bytes at a time.
    Dribble,
}

/// An attack, for as long as this lives.
#[derive(Debug)]
pub struct Attacker {
    _tasks: JoinSet<()>,
    blows: Arc<AtomicUsize>,
}

impl Attacker {
    /// Begins.
    pub fn start(attack: &Attack, worker: SocketAddr, from: Ipv4Addr) -> Self {
        let mut tasks = JoinSet::new();
        let blows = Arc::<AtomicUsize>::default();
        if matches!(attack, Attack::Connections) {
            tasks.spawn(connect_often(worker, from, Arc::clone(&blows)));
            return Self { _tasks: tasks, blows };
        }
        for _ in 0..CONNECTIONS {
            let (attack, blows) = (attack.clone(), Arc::clone(&blows));
            tasks.spawn(async move {
                let Ok(channel) = channel_from(worker, from).await else { return };
                let mut streams = JoinSet::new();
                for _ in 0..STREAMS.div_ceil(CONNECTIONS) {
                    let (channel, attack, blows) = (channel.clone(), attack.clone(), Arc::clone(&blows));
                    streams.spawn(async move {
                        loop {
                            // However it ends, it is begun anew.
                            let _ = attack_once(&attack, channel.clone(), &blows).await;
                            sleep(Duration::from_millis(20)).await;
                        }
                    });
                }
                streams.join_all().await;
            });
        }
        Self { _tasks: tasks, blows }
    }

    /// How often it has done what it does.
    pub fn blows(&self) -> usize {
        self.blows.load(Ordering::Relaxed)
    }
}

/// One stream's part of it, until it is ended.
async fn attack_once(attack: &Attack, channel: Channel, blows: &AtomicUsize) -> Result<(), Status> {
    let mut stream = Stream::open(channel).await?;
    let struck = || {
        blows.fetch_add(1, Ordering::Relaxed);
    };
    for id in 0.. {
        match attack {
            Attack::Flood(bytes) => {
                stream.send(&stream.item(id, bytes.clone())).await?;
                struck();
                if id >= 4 {
                    stream.reply().await?;
                }
            }
            Attack::Stall => {
                stream.send(&stream.item(id, vec![b' '; SIZE].into())).await?;
                struck();
            }
            Attack::Half => {
                stream.begin(id, SIZE as u64, MAX_CHUNK_BYTES).await?;
                struck();
                stream.end().await?;
            }
            Attack::Lie => {
                let said = if id % 2 == 0 { MAX_CHUNK_BYTES as u64 + 1 } else { u64::MAX };
                stream.begin(id, said, MAX_CHUNK_BYTES).await?;
                struck();
                loop {
                    stream.chunk(MAX_CHUNK_BYTES).await?;
                }
            }
            Attack::Dribble => {
                stream.begin(id, SIZE as u64, 1).await?;
                struck();
                loop {
                    sleep(Duration::from_millis(50)).await;
                    stream.chunk(1).await?;
                }
            }
            Attack::Connections => unreachable!("it needs no stream"),
        }
    }
    Ok(())
}

async fn connect_often(worker: SocketAddr, from: Ipv4Addr, blows: Arc<AtomicUsize>) {
    let mut held = std::collections::VecDeque::new();
    loop {
        if let Ok(mut stream) = connect(worker, from).await {
            let _ = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
            held.push_back(stream);
            blows.fetch_add(1, Ordering::Relaxed);
        }
        // This program may not open more files than that.
        held.truncate(900);
        tokio::task::yield_now().await;
    }
}

/// A connection from one of this machine's own addresses.
pub async fn connect(worker: SocketAddr, from: Ipv4Addr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::V4(from), 0))?;
    socket.connect(worker).await
}

/// A gRPC channel in plaintext from one of this machine's own addresses.
pub async fn channel_from(worker: SocketAddr, from: Ipv4Addr) -> Result<Channel, tonic::transport::Error> {
    let connect = move |_| async move { connect(worker, from).await.map(TokioIo::new) };
    let endpoint = Endpoint::from_shared(format!("http://{worker}"))?;
    endpoint.connect_with_connector(tower::service_fn(connect)).await
}

/// A stream of work, past its Hellos.
#[derive(Debug)]
pub struct Stream {
    requests: mpsc::Sender<proto::ProcessRequest>,
    replies: Streaming<proto::ProcessResponse>,
    task: Task,
}

impl Stream {
    /// Opens one and says Hello.
    pub async fn open(channel: Channel) -> Result<Self, Status> {
        Self::open_as(channel, None, "open").await
    }

    /// The same with a token, for items that are looked at with `pack`.
    pub async fn open_as(channel: Channel, token: Option<&str>, pack: &str) -> Result<Self, Status> {
        let (requests, stream) = mpsc::channel(1);
        let mut client = WorkerClient::new(channel);
        let hello = proto::ClientHello { protocol_version: PROTOCOL_VERSION, client: "a test".to_owned() };
        let kind = Some(process_request::Kind::Hello(hello));
        let hello = requests.send(proto::ProcessRequest { kind });
        let mut request = Request::new(ReceiverStream::new(stream));
        if let Some(token) = token {
            let bearer = format!("Bearer {token}").parse().expect("a token is visible ASCII");
            request.metadata_mut().insert("authorization", bearer);
        }
        let (_, replies) = tokio::join!(hello, client.process(request));
        let mut replies = replies?.into_inner();
        let first = replies.message().await?.and_then(|message| message.kind);
        let Some(proto::process_response::Kind::Hello(worker)) = first else {
            return Err(Status::internal("no Hello came"));
        };
        let worker = WorkerDescription::try_from(&worker).expect("a worker describes itself well");
        let named = worker.packs.iter().find(|offered| offered.name == pack);
        let contract = named.and_then(|pack| pack.face_contract(640));
        let task = AnalyzeFaces::new(pack, contract.expect("the pack is for faces")).into();
        Ok(Self { requests, replies, task })
    }

    /// An item that is to be looked at for faces.
    pub fn item(&self, id: u64, data: Bytes) -> Item {
        Item { id, tasks: vec![self.task.clone()], data }
    }

    /// Sends a whole item.
    pub async fn send(&mut self, item: &Item) -> Result<(), Status> {
        for request in requests(item) {
            self.say(request).await?;
        }
        Ok(())
    }

    /// Begins an item that is said to be `total_bytes` long with the first few of them.
    pub async fn begin(&mut self, id: u64, total_bytes: u64, first: usize) -> Result<(), Status> {
        let tasks = vec![(&self.task).into()];
        let item = proto::Item { id, tasks, total_bytes, data: vec![b' '; first].into(), transcoded: false };
        self.say(proto::ProcessRequest { kind: Some(process_request::Kind::Item(item)) }).await
    }

    /// Goes on with it.
    pub async fn chunk(&mut self, bytes: usize) -> Result<(), Status> {
        let chunk = proto::ItemChunk { data: vec![b' '; bytes].into() };
        self.say(proto::ProcessRequest { kind: Some(process_request::Kind::Chunk(chunk)) }).await
    }

    async fn say(&mut self, request: proto::ProcessRequest) -> Result<(), Status> {
        match self.requests.send(request).await {
            Ok(()) => Ok(()),
            // The worker has ended the stream, and says why.
            Err(_) => Err(self.end().await.err().unwrap_or_else(|| Status::cancelled("it has ended"))),
        }
    }

    /// The next reply.
    pub async fn reply(&mut self) -> Result<ItemReply, Status> {
        let message = timeout(PATIENCE, self.replies.message()).await;
        let message = message.map_err(|_| Status::deadline_exceeded("the test's own patience"))??;
        let message = message.ok_or_else(|| Status::cancelled("it has ended"))?;
        Ok(ItemReply::try_from(message).expect("a reply says what it is for"))
    }

    /// Waits until the worker ends the stream.
    pub async fn end(&mut self) -> Result<(), Status> {
        while self.replies.message().await?.is_some() {}
        Ok(())
    }

    /// Sends `count` items with four on their way at once, and demands that each is answered with a result.
    pub async fn work(&mut self, photo: &Bytes, count: u64) {
        let mut answered = 0;
        for id in 0..count + 4 {
            if id < count {
                self.send(&self.item(id, photo.clone())).await.expect("a client that means well is served");
            }
            if id >= 4 && answered < count {
                let reply = self.reply().await.expect("a client that means well is served");
                reply.outcome.expect("a photo with a face is one");
                answered += 1;
            }
        }
        assert_eq!(answered, count);
    }
}
