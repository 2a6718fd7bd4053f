//! The program itself, managed by a parent: the start line, the ready line, the end of stdin, the exit codes.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use facesets_core::{
    FaceContract, ImageLimits,
    wire::{
        AnalyzeFaces, Item, ItemReply, PROTOCOL_VERSION, TaskResult, WorkerDescription, proto,
        proto::worker_client::WorkerClient, requests,
    },
};
use serde_json::{Value, json};
use tonic::Request;

use common::setup;

fn managed(start: &Value) -> (Child, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_facesets-worker"))
        .args(["serve", "--managed"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(child.stdin.as_mut().unwrap(), "{start}").unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
}

fn start_message() -> Value {
    let setup = setup();
    json!({"token": "sesame", "configuration": {"models": setup.join("models"), "pack": "open", "lanes": 1}})
}

fn exit_code(mut child: Child) -> Option<i32> {
    let deadline = Instant::now() + Duration::from_secs(15);
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("the worker did not end");
}

fn authorized<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", "Bearer sesame".parse().unwrap());
    request
}

#[tokio::test]
async fn it_starts_describes_itself_analyses_a_photo_and_ends_with_its_stdin() {
    let (mut child, ready) = managed(&start_message());
    assert_eq!(
        (&ready["ready"], &ready["pack"], &ready["provider"]),
        (&json!(true), &json!("open"), &json!("cpu"))
    );
    let address = format!("http://{}", ready["address"].as_str().unwrap());
    let channel = tonic::transport::Channel::from_shared(address).unwrap().connect().await.unwrap();
    let mut client = WorkerClient::new(channel);
    let described = client.describe(authorized(proto::DescribeRequest {})).await.unwrap().into_inner();
    let described = WorkerDescription::try_from(&described.worker.unwrap()).unwrap();
    assert_eq!((described.credit.max_items, described.limits), (4, ImageLimits::default()));

    let right = described.packs[0].face_contract(640).unwrap();
    let photo = std::fs::read(setup().join("photos/2009/portraits/biden.jpg")).unwrap();
    let item = |id, contract: FaceContract| Item {
        id,
        tasks: vec![AnalyzeFaces::new("open", contract).into()],
        data: photo.clone().into(),
    };
    let items = [
        item(1, right),
        item(2, FaceContract { preprocessing: 99, ..right }),
        item(3, FaceContract { det_size: 641, ..right }),
    ];
    let hello = proto::ClientHello { protocol_version: PROTOCOL_VERSION, client: "a test".to_owned() };
    let hello = proto::ProcessRequest { kind: Some(proto::process_request::Kind::Hello(hello)) };
    let messages: Vec<_> = std::iter::once(hello).chain(items.iter().flat_map(requests)).collect();
    let replies = client.process(authorized(tokio_stream::iter(messages))).await.unwrap();
    let mut replies = replies.into_inner();
    replies.message().await.unwrap().unwrap();
    let mut outcomes = Vec::new();
    while let Some(message) = replies.message().await.unwrap() {
        let reply = ItemReply::try_from(message).unwrap();
        outcomes.push((reply.id, reply.outcome));
    }
    let (_, analysed) = outcomes.remove(0);
    let (results, timings) = analysed.unwrap();
    let [TaskResult::Faces(analysis)] = &results[..] else { panic!("{results:?}") };
    assert_eq!(analysis.faces.len(), 1);
    assert!(timings.decode > Duration::ZERO && timings.infer > Duration::ZERO);
    let kinds: Vec<_> =
        outcomes.into_iter().map(|(id, outcome)| (id, outcome.unwrap_err().kind.word())).collect();
    assert_eq!(kinds, [(2, "contract_mismatch"), (3, "unsupported")]);

    drop((replies, client));
    let stopped = Instant::now();
    drop(child.stdin.take());
    // On a thread of its own: the client's side of the connection closes on this one.
    assert_eq!(tokio::task::spawn_blocking(|| exit_code(child)).await.unwrap(), Some(0));
    assert!(stopped.elapsed() < Duration::from_secs(5));
}

#[test]
fn what_prevents_a_start_is_said_on_stdout_with_a_hint_and_ends_with_2() {
    let with = |field: &str, value: &Value| {
        let mut start = start_message();
        start["configuration"][field] = value.clone();
        start
    };
    let exposed = |tls: Value| {
        let mut start = with("listen", &json!("0.0.0.0:0"));
        start["configuration"]["tls"] = tls;
        start
    };
    for (start, part) in [
        (with("pack", &json!("nope")), "no model pack `nope`"),
        (with("runtime", &json!("/nowhere/libonnxruntime.so")), "/nowhere/libonnxruntime.so"),
        (
            with("runtime", &json!(file!().replace("gpu-worker", env!("CARGO_MANIFEST_DIR")))),
            "cannot be loaded",
        ),
        (exposed(json!(false)), "unencrypted"),
        // There is no home to keep a certificate in.
        (exposed(json!(true)), "no folder for the worker's certificate"),
        (with("colour", &json!("blue")), "unknown field `colour`"),
    ] {
        let (child, ready) = managed(&start);
        assert_eq!(ready["ready"], json!(false));
        assert!(ready["error"].as_str().unwrap().contains(part), "{ready}");
        assert!(!ready["hint"].as_str().unwrap().is_empty());
        assert_eq!(exit_code(child), Some(2), "{part}");
    }
}

#[test]
fn a_pack_with_a_changed_byte_does_not_start() {
    let models = tempfile::tempdir().unwrap();
    let (from, to) = (setup().join("models/open"), models.path().join("open"));
    std::fs::create_dir(&to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    let file = to.join("1k3d68.onnx");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let mut start = start_message();
    start["configuration"]["models"] = json!(models.path());
    start["configuration"]["runtime"] = json!(setup().join("onnxruntime"));
    let (child, ready) = managed(&start);
    let error = ready["error"].as_str().unwrap();
    assert!(error.contains("1k3d68.onnx") && error.contains("its manifest says"), "{error}");
    assert_eq!(exit_code(child), Some(2));
}
