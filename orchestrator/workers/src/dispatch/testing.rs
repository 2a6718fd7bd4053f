//! A worker for tests: real connections, made-up answers.

#![allow(missing_docs, clippy::missing_panics_doc, clippy::unwrap_used)]

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use facesets_core::{
    FaceAnalysis, ImageLimits, Sha256Digest,
    wire::{
        Assembled, Assembler, Credit, Item, ItemFailure, ItemFailureKind, ItemReply, MAX_MESSAGE_BYTES,
        ModelInfo, ModelRole, PROTOCOL_VERSION, PackInfo, PackState, Task, TaskResult, Timings,
        WorkerDescription,
        proto::{
            self,
            worker_server::{Worker as WorkerApi, WorkerServer},
        },
    },
};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::{
    Stream,
    wrappers::{ReceiverStream, TcpListenerStream},
};
use tonic::{Request, Response, Status, Streaming, transport::Server};

/// What a worker of the test does with the items that it has, oldest first; they wait until it answers them.
pub type Behaviour = Arc<dyn Fn(&mut Vec<Item>) -> Reaction + Send + Sync>;

pub enum Reaction {
    Answer(Vec<ItemReply>),
    Cut,
}

pub struct TestWorker {
    pub behaviour: Behaviour,
    pub protocol_version: u32,
    pub token: Option<&'static str>,
    /// Raised when it is as if another process had taken the worker's place.
    pub starts: Arc<AtomicU64>,
    /// How often it will not yet say who it is.
    pub shy: Arc<AtomicU64>,
    pub pack: &'static str,
    pub credit: Credit,
    /// Whether it leaves a stream open that its client has ended.
    pub lingers: bool,
    pub items: Arc<AtomicUsize>,
}

impl TestWorker {
    /// One that lets anybody in.
    pub fn new(behaviour: Behaviour) -> Self {
        Self {
            behaviour,
            protocol_version: PROTOCOL_VERSION,
            token: None,
            starts: Arc::default(),
            shy: Arc::default(),
            pack: "open",
            credit: description().credit,
            lingers: false,
            items: Arc::default(),
        }
    }
}

pub fn description() -> WorkerDescription {
    description_of("open")
}

/// With a pack whose models are its own.
fn description_of(pack: &str) -> WorkerDescription {
    let models = ModelRole::FACE.map(|role| {
        let (file, sha256) = (format!("{role:?}.onnx"), Sha256Digest::of(pack.as_bytes()));
        ModelInfo { role, file, sha256 }
    });
    WorkerDescription {
        protocol_version: PROTOCOL_VERSION,
        worker_version: "0".to_owned(),
        device: "test".to_owned(),
        provider: "fake".to_owned(),
        runtime_version: "0".to_owned(),
        packs: vec![PackInfo {
            name: pack.to_owned(),
            models: models.to_vec(),
            licence: String::new(),
            state: PackState::Default,
        }],
        credit: Credit { max_items: 4, max_bytes: 64 << 20 },
        limits: ImageLimits::default(),
        instance: None,
    }
}

pub fn done(item: &Item) -> ItemReply {
    let [Task::AnalyzeFaces(task)] = &item.tasks[..] else { panic!("{item:?}") };
    let contract = task.contract;
    let landmarks_contract = description().packs[0].landmarks_contract(contract.det_size).unwrap();
    // Of what is no picture, the width tells which it was, counted from 1, and the height how many bytes
    // arrived.
    let made_up = (u32::from(item.data[0]) + 1, item.data.len() as u32);
    let (width, height) = facesets_imaging::upright_size(&item.data).unwrap_or(made_up);
    let analysis = FaceAnalysis {
        pack: task.pack.clone(),
        contract,
        landmarks_contract,
        width,
        height,
        faces: vec![],
        gender_age: None,
        pixels: None,
    };
    ItemReply { id: item.id, outcome: Ok((vec![TaskResult::Faces(analysis)], Timings::default())) }
}

pub fn fails(item: &Item, kind: ItemFailureKind) -> ItemReply {
    ItemReply { id: item.id, outcome: Err(ItemFailure { kind, message: "why".to_owned() }) }
}

pub fn answer_each(answer: impl Fn(&Item) -> ItemReply + Send + Sync + 'static) -> Behaviour {
    Arc::new(move |items| Reaction::Answer(items.drain(..).map(|item| answer(&item)).collect()))
}

#[tonic::async_trait]
impl WorkerApi for TestWorker {
    async fn describe(
        &self,
        request: Request<proto::DescribeRequest>,
    ) -> Result<Response<proto::DescribeResponse>, Status> {
        let header = request.metadata().get("authorization").map(|value| value.to_str().unwrap());
        if let Some(token) = self.token
            && header != Some(&format!("Bearer {token}"))
        {
            return Err(Status::unauthenticated("a token is needed"));
        }
        if self.shy.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |times| times.checked_sub(1)).is_ok() {
            return Err(Status::unavailable("not yet"));
        }
        let mut worker = proto::WorkerInfo::from(&description_of(self.pack));
        let Credit { max_items, max_bytes } = self.credit;
        worker.credit = Some(proto::Credit { max_items, max_bytes });
        worker.protocol_version = self.protocol_version;
        worker.instance = 1 + self.starts.load(Ordering::Relaxed);
        Ok(Response::new(proto::DescribeResponse { worker: Some(worker) }))
    }

    type ProcessStream = Pin<Box<dyn Stream<Item = Result<proto::ProcessResponse, Status>> + Send>>;

    async fn process(
        &self,
        request: Request<Streaming<proto::ProcessRequest>>,
    ) -> Result<Response<Self::ProcessStream>, Status> {
        let mut requests = request.into_inner();
        let (replies, stream) = mpsc::channel(1);
        let (behaviour, count) = (Arc::clone(&self.behaviour), Arc::clone(&self.items));
        let lingers = self.lingers;
        tokio::spawn(async move {
            let hello = proto::process_response::Kind::Hello((&description()).into());
            replies.send(Ok(proto::ProcessResponse { kind: Some(hello) })).await.unwrap();
            requests.message().await.unwrap();
            let mut assembler = Assembler::new(u64::MAX);
            let mut waiting = Vec::new();
            loop {
                let mut left = false;
                // An idle moment: whoever waits for company answers with what there is.
                match tokio::time::timeout(Duration::from_millis(50), requests.message()).await {
                    Ok(Ok(Some(message))) => match assembler.accept(message).unwrap() {
                        Assembled::Item(item) => {
                            count.fetch_add(1, Ordering::Relaxed);
                            waiting.push(item);
                            if waiting.len() < 4 {
                                continue;
                            }
                        }
                        _ => continue,
                    },
                    Ok(_) if lingers => return std::future::pending().await,
                    Ok(_) if waiting.is_empty() => return,
                    Err(_) if waiting.is_empty() => continue,
                    Ok(_) => left = true,
                    Err(_) => {}
                }
                match behaviour(&mut waiting) {
                    Reaction::Answer(answers) if left && answers.is_empty() => return,
                    Reaction::Answer(answers) => {
                        for answer in &answers {
                            if replies.send(Ok(answer.into())).await.is_err() {
                                return;
                            }
                        }
                    }
                    Reaction::Cut => {
                        let _ = replies.send(Err(Status::unavailable("cut"))).await;
                        return;
                    }
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}

pub async fn start(worker: TestWorker) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let service = WorkerServer::new(worker).max_decoding_message_size(MAX_MESSAGE_BYTES);
    tokio::spawn(
        Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)),
    );
    address
}

/// Answers everything but what begins with `first`, on which it hangs for ever.
pub fn hang_on(first: u8) -> Behaviour {
    Arc::new(move |items| {
        let (hanging, good) = std::mem::take(items).into_iter().partition(|item| item.data[0] == first);
        *items = hanging;
        Reaction::Answer(good.iter().map(done).collect())
    })
}

/// Answers `answered` items, then breaks the stream.
pub fn cut_after(answered: usize) -> Behaviour {
    let left = AtomicUsize::new(answered);
    Arc::new(move |items| {
        let take = left.load(Ordering::Relaxed).min(items.len());
        left.fetch_sub(take, Ordering::Relaxed);
        if take == 0 {
            Reaction::Cut
        } else {
            Reaction::Answer(items.drain(..take).map(|item| done(&item)).collect())
        }
    })
}
