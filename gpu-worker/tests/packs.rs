//! Several packs in one worker: CLIP beside faces, packs that are loaded when they are asked for and leave
//! again.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use facesets_core::{
    ClipContract, FaceContract, Sha256Digest,
    wire::{
        AnalyzeFaces, EmbedClip, Item, ItemOutcome, ItemReply, PROTOCOL_VERSION, PackInfo, PackState, Task,
        TaskResult, WorkerDescription, proto, proto::worker_client::WorkerClient, requests,
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tonic::transport::Channel;

use common::setup;

const PORTRAIT: &str = "photos/2009/portraits/biden.jpg";

/// The open pack, the stand-in for CLIP, and copies of the open pack whose recognisers are other files that
/// compute the same.
fn models(copies: &[&str]) -> TempDir {
    let models = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| {
        let to = models.path().join(to);
        fs::create_dir(&to).unwrap();
        let from = setup().join("models").join(from);
        assert!(from.is_dir(), "`{}` is not there: run scripts/setup --tests", from.display());
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        to
    };
    copy("open", "open");
    copy("clip-standin", "clip-standin");
    for name in copies {
        let pack = copy("open", name);
        let file = pack.join("w600k_r50.onnx");
        let mut graph = fs::read(&file).unwrap();
        // Field 6 of an ONNX model, its documentation.
        graph.extend([0x32, name.len() as u8]);
        graph.extend(name.as_bytes());
        let mut manifest: Value = serde_json::from_slice(&fs::read(pack.join("pack.json")).unwrap()).unwrap();
        manifest["name"] = json!(name);
        manifest["models"]["recognition"]["bytes"] = json!(graph.len());
        manifest["models"]["recognition"]["sha256"] = json!(Sha256Digest::of(&graph).to_string());
        fs::write(&file, graph).unwrap();
        fs::write(pack.join("pack.json"), manifest.to_string()).unwrap();
    }
    models
}

struct Worker {
    child: Child,
    client: WorkerClient<Channel>,
}

impl Worker {
    async fn start(models: &Path, settings: &Value) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_facesets-worker"))
            .args(["serve", "--managed"])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut configuration = json!({
            "models": models, "runtime": setup().join("onnxruntime"), "pack": "open", "provider": "cpu", "lanes": 2,
        });
        configuration.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        writeln!(child.stdin.as_mut().unwrap(), "{}", json!({"configuration": configuration})).unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["ready"], json!(true), "{ready}");
        let address = format!("http://{}", ready["address"].as_str().unwrap());
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        Self { child, client: WorkerClient::new(channel) }
    }

    async fn packs(&mut self) -> Vec<PackInfo> {
        let described = self.client.describe(proto::DescribeRequest {}).await.unwrap().into_inner();
        WorkerDescription::try_from(&described.worker.unwrap()).unwrap().packs
    }

    async fn states(&mut self) -> Vec<(String, PackState)> {
        self.packs().await.into_iter().map(|pack| (pack.name, pack.state)).collect()
    }

    async fn face_contract(&mut self, pack: &str) -> FaceContract {
        self.packs().await.iter().find(|there| there.name == pack).unwrap().face_contract(640).unwrap()
    }

    async fn clip_contract(&mut self) -> ClipContract {
        self.packs().await.iter().find_map(PackInfo::clip_contract).unwrap()
    }

    /// The outcomes of items sent at once, in the order sent.
    async fn all(&mut self, items: Vec<(Vec<Task>, Vec<u8>)>) -> Vec<ItemOutcome> {
        let count = items.len();
        let hello = proto::ClientHello { protocol_version: PROTOCOL_VERSION, client: "a test".to_owned() };
        let hello = proto::ProcessRequest { kind: Some(proto::process_request::Kind::Hello(hello)) };
        let items = (0..).zip(items).map(|(id, (tasks, data))| Item { id, tasks, data: data.into() });
        let messages: Vec<_> = std::iter::once(hello)
            .chain(items.flat_map(|item| requests(&item).collect::<Vec<_>>()))
            .collect();
        let replies = self.client.process(tokio_stream::iter(messages)).await.unwrap();
        let mut replies = replies.into_inner();
        replies.message().await.unwrap().unwrap();
        let mut outcomes: Vec<Option<ItemOutcome>> = vec![None; count];
        while let Some(message) = replies.message().await.unwrap() {
            let reply = ItemReply::try_from(message).unwrap();
            outcomes[reply.id as usize] = Some(reply.outcome);
        }
        outcomes.into_iter().map(Option::unwrap).collect()
    }

    async fn one(&mut self, tasks: Vec<Task>) -> ItemOutcome {
        let photo = fs::read(setup().join(PORTRAIT)).unwrap();
        self.all(vec![(tasks, photo)]).await.remove(0)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn photos() -> Vec<PathBuf> {
    let mut folders = vec![setup().join("photos")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|suffix| suffix.to_str()) {
                None if path.is_dir() => folders.push(path),
                Some("jpg" | "jpeg" | "png") => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

fn cosine(a: &[f32], b: &[f64]) -> f64 {
    let dot: f64 = a.iter().zip(b).map(|(a, b)| f64::from(*a) * b).sum();
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    dot / (length(&mut a.iter().map(|v| f64::from(*v))) * length(&mut b.iter().copied()))
}

#[tokio::test]
async fn a_clip_embedding_is_what_numpy_makes_of_the_pixels_that_pillow_prepares() {
    let models = models(&[]);
    let mut worker = Worker::start(models.path(), &json!({"pack": "open,clip-standin"})).await;
    let contract = worker.clip_contract().await;
    let photos = photos();
    assert!(photos.len() > 10, "{photos:?}");
    let task: Task = EmbedClip { pack: "clip-standin".to_owned(), contract }.into();
    let items = photos.iter().map(|path| (vec![task.clone()], fs::read(path).unwrap()));
    let outcomes = worker.all(items.collect()).await;

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/python/clip_reference.py");
    // JPEG decoders differ; of a photo that is no JPEG, and of those whose decoder is the same, nothing does.
    let output = Command::new(setup().join("venv/bin/python")).arg(script).args(&photos).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected: Vec<Vec<f64>> = serde_json::from_slice(&output.stdout).unwrap();
    let mut least = 1.0f64;
    for ((path, outcome), expected) in photos.iter().zip(outcomes).zip(expected) {
        let (results, _) = outcome.unwrap_or_else(|failure| panic!("{}: {failure}", path.display()));
        let [TaskResult::Clip(found)] = &results[..] else { panic!("{results:?}") };
        assert_eq!((&found.pack[..], found.contract), ("clip-standin", contract));
        let cosine = cosine(found.embedding.as_slice(), &expected);
        assert!(cosine >= 0.99999, "{}: {cosine}", path.display());
        least = least.min(cosine);
    }
    println!("{} photos, cosine at least {least:.9}", photos.len());
}

#[tokio::test]
async fn one_item_may_ask_several_packs_and_each_answers_under_its_own_contract() {
    use PackState::{Available, Default, Loaded};

    let models = models(&["second"]);
    let mut worker = Worker::start(models.path(), &json!({})).await;
    let states = |names: [(&str, PackState); 3]| names.map(|(name, state)| (name.to_owned(), state)).to_vec();
    assert_eq!(
        worker.states().await,
        states([("open", Default), ("clip-standin", Available), ("second", Available)])
    );

    let (first, second) = (worker.face_contract("open").await, worker.face_contract("second").await);
    assert_ne!(first, second);
    let clip = worker.clip_contract().await;
    let tasks = vec![
        AnalyzeFaces::new("second", second).into(),
        EmbedClip { pack: "clip-standin".to_owned(), contract: clip }.into(),
        AnalyzeFaces::new("open", first).into(),
    ];
    let (results, _) = worker.one(tasks).await.unwrap();
    let [TaskResult::Faces(a), TaskResult::Clip(b), TaskResult::Faces(c)] = &results[..] else {
        panic!("{results:?}")
    };
    assert_eq!((&a.pack[..], a.contract), ("second", second));
    assert_eq!((&b.pack[..], b.contract), ("clip-standin", clip));
    assert_eq!((&c.pack[..], c.contract), ("open", first));
    // The copy's models compute the same.
    assert_eq!((a.faces.len(), &a.faces), (1, &c.faces));
    assert_eq!(
        worker.states().await,
        states([("open", Default), ("clip-standin", Loaded), ("second", Loaded)])
    );

    let wrong = worker.one(vec![AnalyzeFaces::new("open", second).into()]).await.unwrap_err();
    assert_eq!(wrong.kind.word(), "contract_mismatch");
    let wrong = worker.one(vec![AnalyzeFaces::new("third", second).into()]).await.unwrap_err();
    assert!(wrong.kind.word() == "contract_mismatch" && wrong.message.contains("`second`"), "{wrong:?}");
}

#[tokio::test]
async fn packs_in_memory_are_bounded_and_an_idle_one_leaves() {
    let models = models(&["second", "third"]);
    let settings = json!({"max_packs": 2, "idle_unload_seconds": 1});
    let mut worker = Worker::start(models.path(), &settings).await;
    for name in ["second", "third", "second"] {
        let contract = worker.face_contract(name).await;
        let (results, _) = worker.one(vec![AnalyzeFaces::new(name, contract).into()]).await.unwrap();
        let [TaskResult::Faces(analysis)] = &results[..] else { panic!("{results:?}") };
        assert_eq!((&analysis.pack[..], analysis.faces.len()), (name, 1));
        let loaded = worker.states().await.iter().filter(|(_, state)| *state != PackState::Available).count();
        assert!(loaded <= 2, "{loaded}");
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while worker.states().await.iter().any(|(_, state)| *state == PackState::Loaded) {
        assert!(Instant::now() < deadline, "an idle pack stays");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(worker.states().await[0], ("open".to_owned(), PackState::Default));
}

#[tokio::test]
async fn a_pack_whose_file_was_changed_is_refused_when_it_is_asked_for_and_the_others_serve_on() {
    let models = models(&["second"]);
    let mut worker = Worker::start(models.path(), &json!({})).await;
    let (first, second) = (worker.face_contract("open").await, worker.face_contract("second").await);
    let file = models.path().join("second/1k3d68.onnx");
    let mut bytes = fs::read(&file).unwrap();
    bytes[1000] ^= 1;
    fs::write(&file, bytes).unwrap();
    let failure = worker.one(vec![AnalyzeFaces::new("second", second).into()]).await.unwrap_err();
    assert!(
        failure.message.contains("1k3d68.onnx") && failure.message.contains("its manifest says"),
        "{failure:?}"
    );
    worker.one(vec![AnalyzeFaces::new("open", first).into()]).await.unwrap();
}
