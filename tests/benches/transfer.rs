//! How fast photos travel: `dispatch` from files to a worker that only counts bytes, beside bare tonic with
//! one message each.
//!
//! All sides of a round use the same counting process, the same windows and frames, and the same photos. Ours
//! reads every file, cuts it into messages and waits for an answer to each. Tonic sends whole photos and
//! waits for one answer, once reading each file as ours has to, once from memory, which is the transfer
//! alone. Run by `scripts/bench-transfer`; `--serve` is the counting process.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark, not a program")]

use facesets_base::location::Location;
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    pin::Pin,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use facesets_core::{
    FaceAnalysis, FaceContract, ImageLimits, Sha256Digest,
    wire::{
        CONNECTION_WINDOW, ItemReply, MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, ModelInfo, ModelRole,
        PROTOCOL_VERSION, PackInfo, PackState, STREAM_WINDOW, TaskResult, Timings, WorkerDescription,
        proto::{
            self, process_request, process_response,
            worker_client::WorkerClient,
            worker_server::{Worker as WorkerApi, WorkerServer},
        },
    },
};
use facesets_library::{originals::for_workers::Photos, source::disk::sighting};
use facesets_worker::pool::Pool;
use facesets_workers::dispatch::{
    self, Event, Load, Patience, Queue, Work, Worker, WorkerEndpoint, WorkerSource, connect, task_for,
};
use tokio::sync::mpsc;
use tokio_stream::{
    Stream, StreamExt as _,
    wrappers::{ReceiverStream, TcpListenerStream},
};
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Endpoint, Server},
};

/// As a phone's photo.
const PHOTO_BYTES: usize = 3_000_000;
const PHOTOS: usize = 1000;
/// Odd, so that there is a median; many, as single rounds differ by half.
const ROUNDS: usize = 15;

/// As `embed` has them.
const NETWORK_THREADS: usize = 2;

struct Counter;

#[tonic::async_trait]
impl WorkerApi for Counter {
    type ProcessStream = Pin<Box<dyn Stream<Item = Result<proto::ProcessResponse, Status>> + Send>>;

    async fn describe(
        &self,
        _: Request<proto::DescribeRequest>,
    ) -> Result<Response<proto::DescribeResponse>, Status> {
        Ok(Response::new(proto::DescribeResponse { worker: Some((&description()).into()) }))
    }

    async fn process(
        &self,
        request: Request<Streaming<proto::ProcessRequest>>,
    ) -> Result<Response<Self::ProcessStream>, Status> {
        let mut requests = request.into_inner();
        let (replies, stream) = mpsc::channel(4);
        tokio::spawn(async move {
            let (mut open, mut left) = (0, 0);
            while let Ok(Some(message)) = requests.message().await {
                let reply: proto::ProcessResponse = match message.kind.unwrap() {
                    process_request::Kind::Hello(_) => {
                        let hello = process_response::Kind::Hello((&description()).into());
                        proto::ProcessResponse { kind: Some(hello) }
                    }
                    process_request::Kind::Item(item) => {
                        (open, left) = (item.id, item.total_bytes - item.data.len() as u64);
                        if left > 0 {
                            continue;
                        }
                        (&counted(open)).into()
                    }
                    process_request::Kind::Chunk(chunk) if open > 0 => {
                        left -= chunk.data.len() as u64;
                        if left > 0 {
                            continue;
                        }
                        (&counted(open)).into()
                    }
                    // Bare messages are counted, and answered together.
                    process_request::Kind::Chunk(chunk) => {
                        left += chunk.data.len() as u64;
                        continue;
                    }
                };
                if replies.send(Ok(reply)).await.is_err() {
                    return;
                }
            }
            if open == 0 {
                let _ = replies.send(Ok((&counted(left)).into())).await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}

fn counted(id: u64) -> ItemReply {
    let analysis = FaceAnalysis {
        pack: "open".to_owned(),
        contract: contract(),
        landmarks_contract: description().packs[0].landmarks_contract(640).unwrap(),
        width: 1,
        height: 1,
        faces: Vec::new(),
        gender_age: None,
        pixels: None,
    };
    ItemReply { id, outcome: Ok((vec![TaskResult::Faces(analysis)], Timings::default())) }
}

fn contract() -> FaceContract {
    description().packs[0].face_contract(640).unwrap()
}

fn description() -> WorkerDescription {
    let model = |role| ModelInfo { role, file: format!("{role:?}"), sha256: Sha256Digest::of(b"none") };
    WorkerDescription {
        protocol_version: PROTOCOL_VERSION,
        worker_version: "0".to_owned(),
        device: "none".to_owned(),
        provider: "none".to_owned(),
        runtime_version: "0".to_owned(),
        packs: vec![PackInfo {
            name: "open".to_owned(),
            models: ModelRole::FACE.map(model).to_vec(),
            licence: String::new(),
            state: PackState::Default,
        }],
        credit: Pool::credit(2.try_into().unwrap()),
        limits: ImageLimits::default(),
        instance: None,
    }
}

async fn serve() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME_BYTES)
        .tcp_nodelay(true)
        .add_service(WorkerServer::new(Counter).max_decoding_message_size(MAX_MESSAGE_BYTES))
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await
        .unwrap();
}

/// Seconds from the first byte read to the last answer.
async fn ours(address: &str, photos: &Arc<Photos>) -> f64 {
    let endpoint = WorkerEndpoint::to(address);
    let connection = connect(&endpoint).await.unwrap();
    let task = task_for(connection.description(), None, 640).unwrap().into();
    let worker = Worker { connection, tasks: vec![task], origin: WorkerSource::Remote(endpoint) };
    let work: Vec<Work> =
        photos.in_order().into_iter().map(|(sha256, photo)| Work::new(*sha256, photo.bytes)).collect();
    let expected = work.len();
    let queue = Arc::new(Queue::new(work, &CancellationToken::new()));
    let load: Load = {
        let photos = Arc::clone(photos);
        Arc::new(move |sha256| photos.load(sha256).map_err(|error| error.to_string()))
    };
    let (sender, mut events) = mpsc::channel(256);
    let began = Instant::now();
    let running = tokio::spawn(dispatch::run(vec![worker], queue, load, sender, Patience::default()));
    let mut answered = 0;
    while let Some(event) = events.recv().await {
        let Event::Answer(answer) = event else { panic!("nobody dies here") };
        answer.outcome.unwrap();
        answered += 1;
    }
    running.await.unwrap().unwrap();
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(answered, expected);
    seconds
}

/// Seconds from the first message to the answer that all have arrived.
async fn bare(address: &str, photos: impl Stream<Item = bytes::Bytes> + Send + 'static) -> f64 {
    let channel = Endpoint::from_shared(address.to_owned())
        .unwrap()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME_BYTES)
        .tcp_nodelay(true)
        .connect()
        .await
        .unwrap();
    let messages = photos.map(|data| {
        let chunk = proto::ItemChunk { data };
        proto::ProcessRequest { kind: Some(process_request::Kind::Chunk(chunk)) }
    });
    let began = Instant::now();
    let mut client = WorkerClient::new(channel).max_encoding_message_size(MAX_MESSAGE_BYTES);
    let mut replies = client.process(messages).await.unwrap().into_inner();
    let reply: ItemReply = replies.message().await.unwrap().unwrap().try_into().unwrap();
    assert_eq!(reply.id, (PHOTOS * PHOTO_BYTES) as u64, "bytes that arrived");
    began.elapsed().as_secs_f64()
}

/// The photos, each read from its file, a few ahead.
fn from_files(photos: &Arc<Photos>) -> impl Stream<Item = bytes::Bytes> + Send + use<> {
    let (sender, read) = mpsc::channel(4);
    let photos = Arc::clone(photos);
    tokio::task::spawn_blocking(move || {
        for (_, photo) in photos.in_order() {
            if sender.blocking_send(fs::read(photo.locations[0].at.path()).unwrap().into()).is_err() {
                return;
            }
        }
    });
    ReceiverStream::new(read)
}

/// Files of random bytes, with the first bytes of a JPEG.
fn photos(folder: &Path) -> Photos {
    // They are new; as most photos, they are to count as old.
    let mut photos = Photos::hashed_since(SystemTime::now() + Duration::from_hours(48));
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for number in 0..PHOTOS {
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xE0, 0, 0, 0, 0];
        while bytes.len() < PHOTO_BYTES {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        bytes.truncate(PHOTO_BYTES);
        let path = folder.join(format!("{number:04}.jpg"));
        fs::write(&path, &bytes).unwrap();
        let seen = sighting(&fs::metadata(&path).unwrap()).hashed();
        photos.add(Sha256Digest::of(&bytes), bytes.len() as u64, Location::file(path), seen);
    }
    photos
}

fn child() -> (Child, String) {
    let program = std::env::current_exe().unwrap();
    let mut child = Command::new(program).arg("--serve").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().to_owned())
}

/// Processor seconds that a process has used.
fn processor(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // Linux counts in hundredths of a second here, whatever its own clock.
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

fn summary(name: &str, unit: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let median = values[values.len() / 2];
    println!("{name}: median {median:.2}{unit}, from {:.2} to {:.2}", values[0], values[values.len() - 1]);
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(NETWORK_THREADS)
        .enable_all()
        .build()
        .unwrap();
    if std::env::args().any(|argument| argument == "--serve") {
        return runtime.block_on(serve());
    }
    let folder = tempfile::tempdir().unwrap();
    let photos = Arc::new(photos(folder.path()));
    let contents: Vec<bytes::Bytes> = photos
        .in_order()
        .into_iter()
        .map(|(_, photo)| fs::read(photo.locations[0].at.path()).unwrap().into())
        .collect();
    let (mut child, address) = child();
    let rate = |seconds: f64| (PHOTOS * PHOTO_BYTES) as f64 / 1e6 / seconds;
    let counter = child.id().to_string();
    let used = || processor("self") + processor(&counter);
    let mut rates = [vec![], vec![], vec![]];
    let mut processors = [vec![], vec![], vec![]];
    // The first round warms everything up and does not count.
    for round in 0..=ROUNDS {
        // Each comes first, second and last in turn.
        for side in (0..3).map(|place| (round + place) % 3) {
            let before = used();
            let seconds = runtime.block_on(async {
                match side {
                    0 => ours(&address, &photos).await,
                    1 => bare(&address, from_files(&photos)).await,
                    _ => bare(&address, tokio_stream::iter(contents.clone())).await,
                }
            });
            if round > 0 {
                rates[side].push(rate(seconds));
                processors[side].push(used() - before);
            }
        }
    }
    // A round's sides are neighbours in time, so what slows the machine down for a while slows them all.
    for (side, other) in [(1, "from files, wanted at least 0.85"), (2, "from memory")] {
        let ratios = rates[0].iter().zip(&rates[side]).map(|(ours, theirs)| ours / theirs).collect();
        summary(&format!("ours / tonic {other}"), "", ratios);
    }
    for ((name, rates), processors) in
        ["ours", "tonic, from files", "tonic, from memory"].into_iter().zip(rates).zip(processors)
    {
        summary(name, " MB/s", rates);
        summary("  processors", " s", processors);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
