//! The real worker, asked over HTTP what it has done, and the log that it writes.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use facesets_core::wire::{
    AnalyzeFaces, Item, ItemFailureKind, ItemReply, PROTOCOL_VERSION, TaskResult, WorkerDescription, proto,
    proto::worker_client::WorkerClient, requests,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use common::setup;

const TOKEN: &str = "open-sesame-1001";

/// A worker that is killed when its test ends.
struct Worker {
    process: Child,
    address: String,
    metrics: String,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn worker(logs: &Path) -> Worker {
    let mut command = Command::new(env!("CARGO_BIN_EXE_facesets-worker"));
    command.args([
        "serve",
        "--listen=127.0.0.1:0",
        "--metrics-listen=127.0.0.1:0",
        "--pack=open",
        "--lanes=1",
    ]);
    command.arg("--models").arg(setup().join("models")).arg("--provider=cpu").arg("--log-folder").arg(logs);
    command.env_clear().env("FACESETS_TOKEN", TOKEN).env("FACESETS_LOG", "debug");
    let mut process = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut address = |before: &str| {
        let line = lines.find(|line| line.contains(before)).unwrap();
        line.split("address=").nth(1).unwrap().split(' ').next().unwrap().to_owned()
    };
    let metrics = address("telling metrics");
    let address = address("serving");
    // The rest is read too, so that the worker can go on speaking.
    std::thread::spawn(move || lines.for_each(drop));
    Worker { process, address, metrics }
}

/// Status line and body.
fn get(address: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

/// The value of the sample whose name and labels are these.
fn sample(metrics: &str, name: &str) -> Option<f64> {
    let line =
        metrics.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Sends a portrait, then bytes that are none, then such bytes without a task, as `facesets worker bench`
/// does; all are answered when this returns. How many bytes, and the face's embedding.
async fn send_three(address: &str) -> (usize, Vec<f32>) {
    let channel = tonic::transport::Channel::from_shared(format!("http://{address}")).unwrap();
    let named = |mut request: tonic::Request<()>| {
        request.metadata_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
        Ok(request)
    };
    let mut client = WorkerClient::with_interceptor(channel.connect().await.unwrap(), named);
    let described = client.describe(proto::DescribeRequest {}).await.unwrap().into_inner().worker.unwrap();
    let described = WorkerDescription::try_from(&described).unwrap();
    let contract =
        described.packs.iter().find(|pack| pack.name == "open").unwrap().face_contract(640).unwrap();
    let photo = fs::read(setup().join("photos/2009/portraits/biden.jpg")).unwrap();
    let bytes = photo.len() + 9;

    let (sender, receiver) = mpsc::channel(16);
    let hello = proto::ClientHello { protocol_version: PROTOCOL_VERSION, client: "a test".to_owned() };
    let hello = proto::ProcessRequest { kind: Some(proto::process_request::Kind::Hello(hello)) };
    sender.send(hello).await.unwrap();
    let faces = || vec![AnalyzeFaces::new("open", contract).into()];
    let no_photo = || b"no photo!".to_vec();
    let items = [(photo, faces()), (no_photo(), faces()), (no_photo(), Vec::new())];
    for (id, (data, tasks)) in items.into_iter().enumerate() {
        for request in requests(&Item { id: id as u64, tasks, data: data.into() }) {
            sender.send(request).await.unwrap();
        }
    }
    let mut replies = client.process(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    replies.message().await.unwrap();
    let mut embedding = Vec::new();
    for _ in 0..3 {
        let reply = ItemReply::try_from(replies.message().await.unwrap().unwrap()).unwrap();
        if let Ok(([TaskResult::Faces(analysis)], _)) =
            reply.outcome.as_ref().map(|(results, timings)| (&results[..], timings))
        {
            embedding = analysis.faces[0].embedding.unit.as_slice().to_vec();
        }
        let kind = reply.outcome.map(|(results, _)| results.len()).map_err(|failure| failure.kind);
        let expected = [Ok(1), Err(ItemFailureKind::Decode), Err(ItemFailureKind::Unsupported)];
        assert_eq!(kind, expected[reply.id as usize]);
    }
    drop(sender);
    assert!(replies.message().await.unwrap().is_none());
    (bytes, embedding)
}

#[tokio::test]
async fn metrics_count_what_was_done_and_neither_they_nor_the_log_tell_a_secret() {
    let logs = tempfile::tempdir().unwrap();
    let folder = logs.path().to_owned();
    let worker = tokio::task::spawn_blocking(move || worker(&folder)).await.unwrap();
    let (bytes, embedding) = send_three(&worker.address).await;

    let (status, metrics) = get(&worker.metrics, "/metrics");
    assert!(status.contains("200"), "{status}");
    let value = |name: &str| sample(&metrics, name).unwrap_or_else(|| panic!("no {name} in:\n{metrics}"));
    let expected = [
        ("facesets_worker_items_total{outcome=\"ok\"}", 1.0),
        ("facesets_worker_items_total{outcome=\"decode\"}", 1.0),
        ("facesets_worker_received_bytes_total", bytes as f64),
        ("facesets_worker_streams", 0.0),
        ("facesets_worker_items_in_flight", 0.0),
        ("facesets_worker_bytes_in_flight", 0.0),
        ("facesets_worker_queued_items", 0.0),
        ("facesets_worker_queue_places", 1.0),
        ("facesets_worker_serving", 1.0),
        ("facesets_worker_loaded_packs", 1.0),
        ("facesets_worker_stage_calls_total{stage=\"decode\"}", 2.0),
        ("facesets_worker_stage_inputs_total{stage=\"recognise\"}", 1.0),
        ("facesets_worker_work_seconds_count", 2.0),
    ];
    for (name, is) in expected {
        assert_eq!(value(name).to_bits(), f64::to_bits(is), "{name}\n{metrics}");
    }
    // Bytes that only measure the link are no item that failed.
    assert_eq!(metrics.matches("facesets_worker_items_total{").count(), 2, "{metrics}");
    assert!(value("facesets_worker_stage_microseconds_total{stage=\"detect\"}") > 0.0);
    if cfg!(target_os = "linux") {
        assert!(value("facesets_worker_resident_memory_bytes") > 1e7);
    }
    assert_eq!(get(&worker.metrics, "/healthz"), ("HTTP/1.1 200 OK".to_owned(), "serving".to_owned()));
    assert!(get(&worker.metrics, "/").0.contains("404"));

    let files: Vec<PathBuf> = fs::read_dir(logs.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    let log = fs::read_to_string(file).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        assert!(line["level"].is_string() && line["fields"]["message"].is_string(), "{line}");
    }
    spans_hold_their_stages(&lines);

    assert!(!log.contains(TOKEN) && !metrics.contains(TOKEN));
    assert!(!log.contains("biden"), "nothing knows the photo's name");
    // As text or as a list of numbers, however short.
    let some_of_it = |value: &f32| format!("{value}").len() > 8 && log.contains(&format!("{value}")[..8]);
    assert!(!embedding.is_empty() && !embedding.iter().any(some_of_it));
}

/// The portrait went through every stage within its span, and each network in a batch within that; the bytes
/// that are no photo did not.
fn spans_hold_their_stages(lines: &[Value]) {
    let within = |line: &Value, name: &str| {
        let spans = line["spans"].as_array().cloned().unwrap_or_default();
        spans.into_iter().find(|span| span["name"] == name)
    };
    let of_item = |id: u64, message: &str| -> Vec<&Value> {
        let is_of = |line: &&Value| within(line, "item").is_some_and(|item| item["item"] == id);
        lines.iter().filter(is_of).filter(|line| line["fields"]["message"] == message).collect()
    };
    let stages = of_item(0, "a stage is done");
    for stage in ["decode", "letterbox", "device", "boxes", "blur", "align", "crop", "inputs"] {
        let found = stages.iter().find(|line| line["fields"]["stage"] == stage);
        let line = found.unwrap_or_else(|| panic!("no {stage} in {stages:#?}"));
        assert!(line["fields"]["us"].is_u64() && line["fields"]["inputs"].is_u64(), "{line}");
        let item = within(line, "item").unwrap();
        assert_eq!((&item["client"], &item["pack"]), (&json!("127.0.0.1"), &json!("open")), "{item}");
    }
    let batches = of_item(0, "a batch is run");
    for model in ["detection", "recognition", "landmarks_106", "landmarks_68"] {
        let batch =
            batches.iter().filter_map(|line| within(line, "batch")).find(|batch| batch["model"] == model);
        let batch = batch.unwrap_or_else(|| panic!("no batch of {model} in {batches:#?}"));
        assert!(
            batch["side"].as_u64() > Some(0) && batch["rows"] == 1 && batch["bucket"].is_u64(),
            "{batch}"
        );
    }
    assert!(batches.iter().all(|line| line["fields"]["us"].is_u64() && line["fields"]["ok"] == true));
    let answered = [0, 1].map(|id| of_item(id, "an item is answered"));
    assert_eq!(answered.each_ref().map(Vec::len), [1, 1]);
    assert_eq!(
        answered.each_ref().map(|lines| lines[0]["fields"]["ok"].clone()),
        [true, false].map(Value::from)
    );
    assert!(of_item(1, "a batch is run").is_empty());
}
