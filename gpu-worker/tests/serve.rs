//! The program as a person runs it: where settings come from, how it stops, packs that are removed.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::{
    fs,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use common::setup;

fn worker<const N: usize>(args: [&str; N]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_facesets-worker"));
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn flags_count_more_than_the_environment_which_counts_more_than_the_file() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/facesets");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("worker.toml"), "pack = \"file\"\nlanes = 5\ndevice_id = 5\nprovider = \"cpu\"\n")
        .unwrap();
    let mut command = worker(["serve", "--print-config", "--pack", "flag"]);
    command.env("HOME", home.path()).env("FACESETS_PACK", "environment").env("FACESETS_LANES", "4");
    command.env("FACESETS_TOKEN", "sesame");
    let (code, printed, _) = run(&mut command);
    let settings: toml::Table = printed.parse().unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(settings["pack"].as_str(), Some("flag"));
    assert_eq!(settings["lanes"].as_integer(), Some(4));
    assert_eq!(settings["device_id"].as_integer(), Some(5));
    assert_eq!(settings["listen"].as_str(), Some("127.0.0.1:50551"));
    assert!(!printed.contains("sesame"), "{printed}");
}

#[test]
fn a_key_that_is_none_stops_every_command_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("worker.toml");
    fs::write(&file, "lanes = 2\nmodel = \"x\"\n").unwrap();
    for args in [["serve", "--print-config"], ["serve", "--allow-plaintext"], ["models", "list"]] {
        let (code, _, said) = run(worker(args).arg("--config").arg(&file));
        assert_eq!(code, Some(2), "{args:?}");
        assert!(said.contains("line 2") && said.contains("`model`") && said.contains("hint:"), "{said}");
    }
}

#[test]
fn packs_are_listed_in_columns_and_a_licence_in_its_own_lines() {
    let models = setup().join("models");
    let (code, printed, _) = run(worker(["models", "list", "--models"]).arg(&models));
    assert_eq!(code, Some(0));
    let columns: Vec<&str> =
        printed.lines().find(|line| line.starts_with("open\t")).unwrap().split('\t').collect();
    assert!(columns.len() == 4 && columns[2].starts_with("detection ") && columns[3] == "MIT", "{printed}");
    let (code, printed, _) = run(worker(["models", "verify", "open", "--models"]).arg(&models));
    assert_eq!(code, Some(0));
    assert!(
        printed.lines().count() > 3 && printed.lines().all(|line| line.starts_with("ok\topen/")),
        "{printed}"
    );

    let folder = tempfile::tempdir().unwrap();
    let (_, _, said) = run(worker(["models", "fetch", "buffalo_l", "--models"]).arg(folder.path()));
    assert!(said.contains("research") && !said.contains("\\n"), "{said}");
}

#[test]
fn a_provider_that_is_not_there_stops_the_start_and_those_that_are_there_are_named() {
    let models = setup().join("models");
    for provider in ["cuda", "openvino", "MadeUpExecutionProvider"] {
        let mut command = worker(["serve", "--listen=127.0.0.1:0", "--pack=open", "--provider", provider]);
        let (code, _, said) = run(command.arg("--models").arg(&models));
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(&format!("no provider `{provider}`")) && said.contains("`cpu`"), "{said}");
        assert!(said.contains("hint: pass one of those"), "{said}");
    }
    let (code, _, said) = run(worker(["serve", "--provider", "gpu"]).arg("--models").arg(&models));
    assert!(code == Some(2) && said.contains("`gpu` is no provider"), "{said}");
}

#[test]
fn a_pack_is_removed_only_with_leave_and_says_what_it_gives_back() {
    let models = tempfile::tempdir().unwrap();
    let pack = models.path().join("open");
    fs::create_dir(&pack).unwrap();
    fs::write(pack.join("pack.json"), "{}").unwrap();
    fs::write(pack.join("a.onnx"), vec![0; 2_000_000]).unwrap();
    let remove = |more: &[&str]| {
        run(worker(["models", "remove", "open"]).args(more).arg("--models").arg(models.path()))
    };
    let (code, _, said) = remove(&[]);
    assert!(code == Some(2) && said.contains("nothing was removed") && said.contains("--yes"), "{said}");
    assert!(pack.is_dir());
    let (code, said, _) = remove(&["--yes", "--json"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        serde_json::from_str::<Value>(&said).unwrap(),
        json!({"pack": "open", "freed_bytes": 2_000_002})
    );
    assert!(!pack.exists());
    let (code, _, said) = remove(&["--yes"]);
    assert!(code == Some(2) && said.contains("no model pack `open`"), "{said}");
}

#[cfg(unix)]
mod stopping {
    use std::{
        io::{BufRead as _, BufReader},
        process::Child,
        time::Duration,
    };

    use facesets_core::wire::{
        AnalyzeFaces, Item, ItemFailureKind, ItemReply, PROTOCOL_VERSION, WorkerDescription, proto,
        proto::worker_client::WorkerClient, requests,
    };
    use tokio::{sync::mpsc, time::timeout};
    use tokio_stream::wrappers::ReceiverStream;

    use super::*;

    /// A worker with one lane, and its address from the line in which it says that it serves.
    fn serving() -> (Child, String) {
        let setup = setup();
        let mut command = worker(["serve", "--listen", "127.0.0.1:0", "--pack", "open", "--lanes", "1"]);
        command.arg("--models").arg(setup.join("models")).arg("--provider=cpu").stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.find(|line| line.as_ref().unwrap().contains("serving address=")).unwrap().unwrap();
        // The rest is read too, so that the worker can go on speaking.
        std::thread::spawn(move || lines.for_each(drop));
        let address = line.split("address=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        (child, address)
    }

    async fn stops(signal: &str) -> Option<i32> {
        let (mut child, address) = tokio::task::spawn_blocking(serving).await.unwrap();
        let channel = tonic::transport::Channel::from_shared(format!("http://{address}")).unwrap();
        let mut client = WorkerClient::new(channel.connect().await.unwrap());
        let described =
            client.describe(proto::DescribeRequest {}).await.unwrap().into_inner().worker.unwrap();
        let described = WorkerDescription::try_from(&described).unwrap();
        let contract =
            described.packs.iter().find(|pack| pack.name == "open").unwrap().face_contract(640).unwrap();
        let photo = fs::read(setup().join("photos/2009/portraits/biden.jpg")).unwrap();

        let (sender, receiver) = mpsc::channel(16);
        let hello = proto::ClientHello { protocol_version: PROTOCOL_VERSION, client: "a test".to_owned() };
        let hello = proto::ProcessRequest { kind: Some(proto::process_request::Kind::Hello(hello)) };
        sender.send(hello).await.unwrap();
        for id in 0..4 {
            let tasks = vec![AnalyzeFaces::new("open", contract).into()];
            for request in requests(&Item { id, tasks, data: photo.clone().into() }) {
                sender.send(request).await.unwrap();
            }
        }
        let mut replies = client.process(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        replies.message().await.unwrap();
        let first = ItemReply::try_from(replies.message().await.unwrap().unwrap()).unwrap();
        assert!(first.outcome.is_ok(), "{first:?}");

        let killed = Command::new("kill").arg(signal).arg(child.id().to_string()).status().unwrap();
        assert!(killed.success());
        let end = loop {
            match timeout(Duration::from_secs(20), replies.message()).await.expect("a drain takes no 20 s") {
                Ok(Some(message)) => {
                    let reply = ItemReply::try_from(message).unwrap();
                    // What it had not taken yet may go to another worker.
                    let done_or_refused =
                        reply.outcome.map_err(|failure| failure.kind).map(|(results, _)| results.len());
                    assert!(
                        matches!(done_or_refused, Ok(1) | Err(ItemFailureKind::Draining)),
                        "{done_or_refused:?}"
                    );
                }
                end => break end,
            }
        };
        // The stream ends in order, and not with the connection.
        assert_eq!(end.unwrap_err().code(), tonic::Code::Unavailable);
        drop((sender, client));
        tokio::task::spawn_blocking(move || child.wait().unwrap().code()).await.unwrap()
    }

    #[tokio::test]
    async fn sigterm_finishes_what_is_in_flight_and_ends_with_0() {
        assert_eq!(stops("-TERM").await, Some(0));
    }

    #[tokio::test]
    async fn ctrl_c_finishes_what_is_in_flight_and_ends_with_130() {
        assert_eq!(stops("-INT").await, Some(130));
    }
}
