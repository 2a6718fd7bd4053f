//! Messages that carry what nobody counts: names without end, fields that nobody knows. They are refused,
//! kept nowhere and logged nowhere.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes};
use facesets_core::wire::{
    PROTOCOL_VERSION,
    codec::MAX_UNKNOWN_BYTES,
    proto::{self, process_request, task, worker_client::WorkerClient},
};
use facesets_tests::{
    armoured::Armoured,
    hostile::{Stream, channel_from},
    program::Workspace,
    setup,
};
use prost::Message as _;
use tokio::time::timeout;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::Channel,
};

const HERE: std::net::Ipv4Addr = std::net::Ipv4Addr::LOCALHOST;
const MIB: usize = 1 << 20;

/// A worker and a connection with it.
async fn worker() -> (Workspace, Armoured, Channel) {
    let start = || {
        let machine = Workspace::new();
        let worker = Armoured::start_plain(machine.path(), &[]);
        (machine, worker)
    };
    let (machine, worker) = tokio::task::spawn_blocking(start).await.unwrap();
    let channel = channel_from(worker.address, HERE).await.unwrap();
    (machine, worker, channel)
}

fn hello(client: String) -> proto::ProcessRequest {
    let hello = proto::ClientHello { protocol_version: PROTOCOL_VERSION, client };
    proto::ProcessRequest { kind: Some(process_request::Kind::Hello(hello)) }
}

/// An item of one byte for a pack of this name.
fn item(pack: String) -> proto::ProcessRequest {
    let task = proto::AnalyzeFaces { pack, ..proto::AnalyzeFaces::default() };
    let tasks = vec![proto::Task { kind: Some(task::Kind::AnalyzeFaces(task)) }];
    let item =
        proto::Item { id: 7, tasks, total_bytes: 1, data: Bytes::from_static(b"x"), transcoded: false };
    proto::ProcessRequest { kind: Some(process_request::Kind::Item(item)) }
}

/// The last thing that the worker says to these messages, within a stream that stays open.
async fn last_said(channel: Channel, messages: Vec<Bytes>) -> Result<proto::ProcessResponse, Status> {
    let count = messages.len();
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.unwrap();
    let (sender, requests) = tokio::sync::mpsc::channel(count);
    for message in messages {
        sender.send(message).await.unwrap();
    }
    let path = PathAndQuery::from_static("/facesets.worker.v1.Worker/Process");
    let stream = tokio_stream::wrappers::ReceiverStream::new(requests);
    let replies = grpc.streaming(Request::new(stream), path, Raw).await?;
    let mut replies = replies.into_inner();
    let mut last = None;
    for _ in 0..count {
        last = timeout(Duration::from_secs(30), replies.message()).await.unwrap()?;
    }
    drop(sender);
    Ok(proto::ProcessResponse::decode(last.unwrap()).unwrap())
}

/// Bytes as they are.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, bytes: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(bytes);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let remaining = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(remaining)))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_without_end_is_refused_and_not_said_again() {
    let (_machine, _worker, channel) = worker().await;
    let messages = [hello("a test".to_owned()), item("x".repeat(MIB))];
    let messages = messages.iter().map(|message| message.encode_to_vec().into());
    let said = last_said(channel, messages.collect()).await.unwrap();
    assert!(said.encoded_len() < 1000, "{} bytes", said.encoded_len());
    let said = format!("{said:?}");
    assert!(said.contains("`pack` has 1048576 bytes, more than 255"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_mostly_unknown_ends_its_stream_and_one_that_is_a_bit_newer_does_not() {
    let (_machine, worker, channel) = worker().await;
    for (unknown, outcome) in [(MAX_UNKNOWN_BYTES / 2, None), (MIB, Some(Code::InvalidArgument))] {
        let mut padded = item("open".to_owned()).encode_to_vec();
        prost::encoding::bytes::encode(15, &vec![0u8; unknown], &mut padded);
        let messages = vec![hello("a test".to_owned()).encode_to_vec().into(), padded.into()];
        let said = last_said(channel.clone(), messages).await;
        assert_eq!(said.as_ref().err().map(Status::code), outcome, "{said:?}");
    }
    assert!(worker.log().contains("most of which mean nothing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_calls_itself_a_megabyte_leaves_a_line_of_log() {
    let (_machine, worker, channel) = worker().await;
    for _ in 0..4 {
        let messages = vec![hello("\u{1}".repeat(MIB)).encode_to_vec().into()];
        last_said(channel.clone(), messages).await.unwrap();
    }
    assert!(worker.log().contains("says hello") && worker.log().len() < 200_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn ordinary_messages_are_none_of_these() {
    let (_machine, _worker, channel) = worker().await;
    let photo: Bytes = std::fs::read(setup::photos().join("2018/group/t1.jpg")).unwrap().into();
    Stream::open(channel.clone()).await.unwrap().work(&photo, 4).await;
    WorkerClient::new(channel).describe(proto::DescribeRequest {}).await.unwrap();
}
