//! Without a token there is health and nothing else.

use std::process::Command;

use facesets_core::wire::proto::{
    DescribeRequest, PairRequest, pairing_client::PairingClient, worker_client::WorkerClient,
};
use facesets_tests::{
    armoured::{Armoured, channel, wait_for},
    hostile::Stream,
    program::Workspace,
    setup::{self, repository},
};
use serde_json::{Value, json};
use tonic::{Code, Request, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::Pair;

async fn describe(channel: &Channel, token: Option<&str>) -> Result<(), Code> {
    let mut request = Request::new(DescribeRequest {});
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    WorkerClient::new(channel.clone()).describe(request).await.map(drop).map_err(|status| status.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_names_no_token_or_a_wrong_one_hears_about_health_only() {
    let pair = tokio::task::spawn_blocking(Pair::paired).await.unwrap();
    let channel = channel(pair.worker.address).await;
    let health =
        HealthClient::new(channel.clone()).check(HealthCheckRequest { service: String::new() }).await;
    assert_eq!(health.unwrap().into_inner().status, 1);
    let token = pair.known("token");
    let digest = facesets_core::Sha256Digest::of(token.as_bytes()).to_string();
    for wrong in [None, Some(""), Some("sesame"), Some(&token[1..]), Some(digest.as_str())] {
        assert_eq!(describe(&channel, wrong).await, Err(Code::Unauthenticated), "{wrong:?}");
    }
    assert_eq!(describe(&channel, Some(&token)).await, Ok(()));
    for (secret, client, code) in [
        (vec![7; 16], "laptop", Code::PermissionDenied),
        (vec![7; 15], "laptop", Code::InvalidArgument),
        (vec![7; 16], "two words", Code::InvalidArgument),
    ] {
        let request = PairRequest { secret: secret.into(), client: client.to_owned() };
        let refused = PairingClient::new(channel.clone()).pair(request).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
    }
    pair.nowhere(&[&token]);
    let log = pair.worker.log();
    assert!(
        log.contains("a call without a token is refused")
            && log.contains("a call with a wrong token is refused")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tls_nobody_pairs() {
    let machine = Workspace::new();
    let mut command = facesets_tests::armoured::worker_command(machine.path(), &["serve", "--managed"]);
    let mut child =
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"{}\n").unwrap();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let url = format!("http://{}", ready["address"].as_str().unwrap());
    let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
    assert_eq!(describe(&channel, None).await, Ok(()));
    let request = PairRequest { secret: vec![7; 16].into(), client: "laptop".to_owned() };
    let refused = PairingClient::new(channel).pair(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented, "{refused}");
    drop(child.stdin.take());
    child.wait().unwrap();
    assert!(!machine.join("state").exists(), "a worker without TLS needs no certificate");
}

#[test]
fn the_orchestrator_says_that_its_token_is_refused() {
    let pair = Pair::paired();
    pair.forge("token", "sesame");
    let tested = pair.machine.run(["worker", "test"]);
    assert_eq!(tested.code, Some(1), "{tested}");
    assert!(tested.stdout.contains("refuses the token"), "{tested}");
    let embed = pair.machine.run(["embed", &super::photos()]);
    assert_eq!(embed.code, Some(2), "{embed}");
    embed.says(&["refuses the token", "hint: pair with it again"]);
}

#[test]
fn the_workers_own_token_counts_beside_those_of_paired_clients() {
    let machine = Workspace::new();
    std::fs::write(machine.join("token"), "sesame-open\n").unwrap();
    let token_file = machine.join("token").display().to_string();
    let worker = Armoured::start(machine.path(), &["--token-file", &token_file]);
    machine.ok(["worker", "add", &worker.code(), "--name", "gpu"]);
    machine.ok(["worker", "test"]);
    let pair = Pair { worker, machine };
    pair.forge("token", "sesame-open");
    pair.machine.ok(["worker", "test"]);
    assert!(!pair.worker.log().contains("sesame-open"));
}

/// What `scripts/python/reflect.py`, which knows nothing of us, finds with the worker's certificate as its
/// root.
fn reflect(pair: &Pair, token: &str) -> Result<Value, String> {
    let python = setup::folder().join("grpc-venv/bin/python");
    assert!(python.is_file(), "`{}` is not there: run scripts/setup --tests", python.display());
    let output = Command::new(python)
        .arg(repository().join("scripts/python/reflect.py"))
        .arg(pair.worker.address.to_string())
        .env("FACESETS_TOKEN", token)
        .env("FACESETS_CERTIFICATE", pair.machine.join("state/identity.pem"))
        .output()
        .unwrap();
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn a_generic_client_speaks_tls_to_the_worker_and_reflection_can_be_off() {
    let pair = Pair::paired();
    let found = reflect(&pair, &pair.known("token")).unwrap();
    assert_eq!(
        (&found["health"], &found["describe"]["worker"]["provider"]),
        (&json!("SERVING"), &json!("cpu"))
    );
    let refused = reflect(&pair, "sesame").unwrap_err();
    assert!(refused.contains("UNAUTHENTICATED"), "{refused}");

    let Pair { worker, machine } = pair;
    drop(worker);
    let silent = Pair { worker: Armoured::start(machine.path(), &["--reflection=false"]), machine };
    let refused = reflect(&silent, &silent.known("token")).unwrap_err();
    assert!(refused.contains("UNIMPLEMENTED"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_revoked_holds_nothing_of_the_worker_even_where_it_reads_no_answers() {
    let pair = tokio::task::spawn_blocking(Pair::paired).await.unwrap();
    let token = pair.known("token");
    let [_, before] = pair.worker.threads_and_files();
    let photo = std::fs::read(setup::photos().join("2009/portraits/biden.jpg")).unwrap();
    let mut stream = Stream::open_as(channel(pair.worker.address).await, Some(&token), "open").await.unwrap();
    for id in 0..4 {
        stream.send(&stream.item(id, photo.clone().into())).await.unwrap();
    }
    assert!(pair.worker.threads_and_files()[1] > before);
    assert_eq!(pair.worker.owner(&["clients", "revoke", "laptop"]).code, Some(0));
    wait_for("the connection is closed", || (pair.worker.threads_and_files()[1] <= before).then_some(()));
    drop(stream);
}
