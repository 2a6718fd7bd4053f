//! The service over real connections, with toy analyzers behind it.

use std::{net::SocketAddr, num::NonZeroUsize, time::Duration};

use facesets_core::{
    ImageLimits,
    wire::{
        Item, ItemFailureKind, ItemReply, PROTOCOL_VERSION, Task, proto::worker_client::WorkerClient,
        requests,
    },
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::*;
use crate::testing::{Toy, item};

struct Running {
    address: SocketAddr,
    drain: CancellationToken,
    done: JoinHandle<Result<Outcome, ServeError>>,
}

struct Client {
    requests: mpsc::Sender<proto::ProcessRequest>,
    replies: Streaming<proto::ProcessResponse>,
}

async fn start(token: Option<Token>) -> Running {
    start_with(Protection { token, ..Protection::default() }).await
}

async fn start_with(protection: Protection) -> Running {
    let lanes = NonZeroUsize::new(2).unwrap();
    let pool = Arc::new(Pool::start(lanes, || Ok(Box::new(Toy))).unwrap());
    let description = WorkerDescription {
        protocol_version: PROTOCOL_VERSION,
        worker_version: "0".to_owned(),
        device: "a toy".to_owned(),
        provider: "toy".to_owned(),
        runtime_version: "none".to_owned(),
        packs: Vec::new(),
        credit: Pool::credit(lanes),
        limits: ImageLimits { max_bytes: 10 << 20, ..ImageLimits::default() },
        instance: None,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let drain = CancellationToken::new();
    let service = WorkerService::new(description, pool);
    let done = tokio::spawn(serve(listener, service, protection, drain.clone()));
    Running { address, drain, done }
}

impl Running {
    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    async fn open(&self, version: u32) -> Client {
        let (requests, stream) = mpsc::channel(16);
        let hello = proto::ClientHello { protocol_version: version, client: "a test".to_owned() };
        let kind = Some(process_kind(hello));
        requests.send(proto::ProcessRequest { kind }).await.unwrap();
        let replies = WorkerClient::new(self.channel().await).process(ReceiverStream::new(stream)).await;
        Client { requests, replies: replies.unwrap().into_inner() }
    }

    /// A stream past its Hellos.
    async fn client(&self) -> Client {
        let mut client = self.open(PROTOCOL_VERSION).await;
        let first = client.replies.message().await.unwrap().unwrap().kind.unwrap();
        assert!(matches!(first, proto::process_response::Kind::Hello(_)), "{first:?}");
        client
    }
}

fn process_kind(hello: proto::ClientHello) -> proto::process_request::Kind {
    proto::process_request::Kind::Hello(hello)
}

impl Client {
    async fn send(&self, item: &Item) {
        for request in requests(item) {
            self.requests.send(request).await.unwrap();
        }
    }

    async fn reply(&mut self) -> ItemReply {
        let message = timeout(Duration::from_secs(10), self.replies.message()).await.unwrap().unwrap();
        message.unwrap().try_into().unwrap()
    }

    async fn status(&mut self) -> Status {
        timeout(Duration::from_secs(10), self.replies.message()).await.unwrap().unwrap_err()
    }
}

#[tokio::test]
async fn a_client_of_another_version_is_told_both() {
    let running = start(None).await;
    let status = running.open(PROTOCOL_VERSION + 7).await.status().await;
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("version 1") && status.message().contains("version 8"), "{status}");
}

#[tokio::test]
async fn a_bad_item_does_not_end_the_stream() {
    let running = start(None).await;
    let mut client = running.client().await;
    let huge = Item { data: vec![0; (10 << 20) + 1].into(), ..item(2, "") };
    let mut senseless = item(4, "face");
    let Task::AnalyzeFaces(task) = &mut senseless.tasks[0] else { panic!("{senseless:?}") };
    task.nms_threshold = 7.0;
    for (item, failure) in [
        (item(1, "bad"), Some("decode")),
        (huge, Some("too_large")),
        (item(3, "panic"), Some("internal")),
        (senseless, Some("unsupported")),
        (item(5, ""), None),
        (Item { data: vec![b' '; 9 << 20].into(), ..item(6, "") }, None),
    ] {
        client.send(&item).await;
        let reply = client.reply().await;
        assert_eq!(reply.id, item.id);
        assert_eq!(reply.outcome.err().map(|failure| failure.kind.word()), failure, "item {}", item.id);
    }
}

#[tokio::test]
async fn replies_come_as_they_are_ready_and_all_come_before_the_end() {
    let running = start(None).await;
    let mut client = running.client().await;
    client.send(&item(1, "sleep 300")).await;
    for id in 2..40 {
        client.send(&item(id, "face")).await;
        if id > 4 {
            client.reply().await;
        }
    }
    let Client { requests, mut replies } = client;
    drop(requests);
    let mut rest = Vec::new();
    while let Some(message) = replies.message().await.unwrap() {
        rest.push(ItemReply::try_from(message).unwrap().id);
    }
    assert_eq!((rest.len(), rest.last()), (4, Some(&1)));
}

#[tokio::test]
async fn a_broken_protocol_ends_the_stream_with_its_reason() {
    let running = start(None).await;
    let mut client = running.client().await;
    let kind = Some(proto::process_request::Kind::Chunk(proto::ItemChunk { data: vec![1].into() }));
    client.requests.send(proto::ProcessRequest { kind }).await.unwrap();
    let status = client.status().await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("no item open"), "{status}");
}

#[tokio::test]
async fn the_token_guards_everything_but_health() {
    let running = start(Token::new("sesame").ok()).await;
    let mut health = HealthClient::new(running.channel().await);
    for service in ["", "facesets.worker.v1.Worker"] {
        let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap();
        assert_eq!(answer.into_inner().status, 1, "`{service}`");
    }
    let describe = |header: Option<&'static str>| {
        let running = &running;
        async move {
            let mut request = Request::new(proto::DescribeRequest {});
            if let Some(header) = header {
                request.metadata_mut().insert("authorization", header.parse().unwrap());
            }
            WorkerClient::new(running.channel().await).describe(request).await.map_err(|status| status.code())
        }
    };
    assert_eq!(describe(None).await.unwrap_err(), Code::Unauthenticated);
    assert_eq!(describe(Some("Bearer simsim")).await.unwrap_err(), Code::Unauthenticated);
    let worker = describe(Some("Bearer sesame")).await.unwrap().into_inner().worker.unwrap();
    assert_eq!(worker.device, "a toy");
}

#[tokio::test]
async fn a_worker_whose_device_is_lost_says_that_it_does_not_serve_and_items_may_go_elsewhere() {
    let running = start(None).await;
    let health = HealthClient::new(running.channel().await);
    let status = |service: &str| {
        let (mut health, service) = (health.clone(), service.to_owned());
        async move { health.check(HealthCheckRequest { service }).await.unwrap().into_inner().status() }
    };
    assert_eq!(status("").await, ServingStatus::Serving);
    let watch = HealthCheckRequest { service: "facesets.worker.v1.Worker".to_owned() };
    let mut watching = health.clone().watch(watch).await.unwrap().into_inner();
    assert_eq!(watching.message().await.unwrap().unwrap().status(), ServingStatus::Serving);

    let mut client = running.client().await;
    for (id, text) in [(1, "lost"), (2, "face")] {
        client.send(&item(id, text)).await;
        let failure = client.reply().await.outcome.unwrap_err();
        assert!(failure.kind == ItemFailureKind::DeviceLost && failure.kind.is_retryable(), "{failure:?}");
    }
    let said = timeout(Duration::from_secs(10), watching.message()).await.unwrap().unwrap().unwrap();
    assert_eq!(said.status(), ServingStatus::NotServing);
    for service in ["", "facesets.worker.v1.Worker"] {
        assert_eq!(status(service).await, ServingStatus::NotServing, "`{service}`");
    }
}

#[tokio::test]
async fn draining_finishes_what_was_accepted_refuses_the_rest_and_ends() {
    let running = start(None).await;
    let mut client = running.client().await;
    let mut idle = running.client().await;
    client.send(&item(1, "sleep 400")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.drain.cancel();
    assert_eq!(idle.status().await.code(), Code::Unavailable);
    tokio::time::sleep(Duration::from_millis(50)).await;
    client.send(&item(2, "face")).await;
    let refused = client.reply().await;
    assert_eq!((refused.id, refused.outcome.unwrap_err().kind.word()), (2, "draining"));
    let finished = client.reply().await;
    assert_eq!((finished.id, finished.outcome.is_ok()), (1, true));
    assert_eq!(client.status().await.code(), Code::Unavailable);
    drop((client, idle));
    let outcome = timeout(Duration::from_secs(5), running.done).await.unwrap().unwrap().unwrap();
    assert_eq!(outcome, Outcome::Drained);
}

#[tokio::test]
async fn whoever_only_watches_the_health_does_not_hold_the_end_up() {
    let running = start(Token::new("sesame").ok()).await;
    let watch = HealthCheckRequest { service: String::new() };
    let watching = HealthClient::new(running.channel().await).watch(watch).await;
    let mut watching = watching.unwrap().into_inner();
    assert_eq!(watching.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    running.drain.cancel();
    let outcome = timeout(DRAIN_LIMIT, running.done).await.unwrap().unwrap().unwrap();
    assert_eq!(outcome, Outcome::Drained);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_read_from_and_holds_nobody_up() {
    let running = start(None).await;
    let stalled = running.client().await;
    let flood = tokio::spawn(async move {
        for id in 0..2000 {
            stalled.send(&Item { data: vec![b' '; 100_000].into(), ..item(id, "") }).await;
        }
    });
    let mut other = running.client().await;
    for id in 0..20 {
        other.send(&item(id, "face")).await;
        assert_eq!(other.reply().await.id, id);
    }
    assert!(!flood.is_finished());
    flood.abort();
}

#[tokio::test]
async fn reflection_names_the_services_to_who_may_know_unless_it_is_off() {
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let ask = || {
        let message_request = Some(MessageRequest::ListServices(String::new()));
        tokio_stream::iter([ServerReflectionRequest { host: String::new(), message_request }])
    };
    let open = start(None).await;
    let mut client = ServerReflectionClient::new(open.channel().await);
    let mut answers = client.server_reflection_info(ask()).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(services)) = answer else { panic!("{answer:?}") };
    assert!(services.service.iter().any(|service| service.name == "facesets.worker.v1.Worker"));

    let guarded = start(Token::new("sesame").ok()).await;
    let silent = start_with(Protection { reflection: false, ..Protection::default() }).await;
    for (running, code) in [(guarded, Code::Unauthenticated), (silent, Code::Unimplemented)] {
        let mut client = ServerReflectionClient::new(running.channel().await);
        assert_eq!(client.server_reflection_info(ask()).await.unwrap_err().code(), code);
    }
}
