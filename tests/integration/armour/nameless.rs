//! Clients that finish the handshake and never name a token: they stay for seconds, and never where somebody
//! else needs the place.

use std::{net::Ipv4Addr, time::Duration};

use facesets_core::wire::proto::{DescribeRequest, worker_client::WorkerClient};
use facesets_tests::{
    armoured::{Armoured, channel, channel_over, wait_for},
    hostile::connect,
    program::Workspace,
};
use tokio::time::{sleep, timeout};
use tonic::{Code, Streaming, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_client::HealthClient};

use super::Pair;

/// A paired machine, and its worker with further flags.
async fn paired(flags: &'static [&str]) -> Pair {
    let start = || {
        let machine = Workspace::new();
        let worker = Armoured::start(machine.path(), flags);
        machine.ok(["worker", "add", &worker.code()]);
        Pair { worker, machine }
    };
    tokio::task::spawn_blocking(start).await.unwrap()
}

/// A connection from an address of this machine with a call on it that everybody may make, and that does not
/// end.
async fn hold(worker: &Armoured, from: Ipv4Addr) -> Streaming<HealthCheckResponse> {
    let stream = connect(worker.address, from).await.unwrap();
    let question = HealthCheckRequest { service: String::new() };
    let mut watching =
        HealthClient::new(channel_over(stream).await).watch(question).await.unwrap().into_inner();
    assert_eq!(watching.message().await.unwrap().unwrap().status, 1);
    watching
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_every_place_without_a_token_gives_one_to_a_paired_client_at_once() {
    let pair =
        paired(&["--max-connections=4", "--max-connections-per-client=2", "--nameless-seconds=600"]).await;
    let mut held = Vec::new();
    for last in [3, 3, 4, 4] {
        held.push(hold(&pair.worker, Ipv4Addr::new(127, 0, 0, last)).await);
    }
    let ok = tokio::task::spawn_blocking(move || {
        pair.machine.ok(["worker", "test"]);
        pair
    });
    let pair = ok.await.unwrap();
    held[0].message().await.unwrap_err();
    let log = pair.worker.log();
    assert!(log.contains("takes the place of one whose client has named no token"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_every_place_of_an_address_without_a_token_keeps_them_for_the_stated_time() {
    let pair = paired(&["--max-connections-per-client=2", "--nameless-seconds=1"]).await;
    let home = Ipv4Addr::LOCALHOST;
    let mut held = [hold(&pair.worker, home).await, hold(&pair.worker, home).await];
    let ok = tokio::task::spawn_blocking(move || {
        wait_for("a paired client is let in", || {
            (pair.machine.run(["worker", "test"]).code == Some(0)).then_some(())
        });
        pair
    });
    let pair = ok.await.unwrap();
    held[0].message().await.unwrap_err();
    wait_for("the log says so", || {
        pair.worker.log().contains("is closed whose client has named no token").then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_health_again_and_again_is_answered_each_time() {
    let machine = Workspace::new();
    let worker = Armoured::start_plain(machine.path(), &[]);
    let endpoint = Endpoint::from_shared(format!("http://{}", worker.address)).unwrap();
    let mut health = HealthClient::new(endpoint.connect_lazy());
    let mut closed = 0;
    // More than is read of somebody who names no token.
    for number in 0..2000 {
        let answered = async {
            // The connection may have been closed; soon a question opens another.
            while health.check(HealthCheckRequest::default()).await.is_err() {
                closed += 1;
                sleep(Duration::from_millis(3)).await;
            }
        };
        timeout(Duration::from_secs(5), answered).await.unwrap_or_else(|_| panic!("no answer to {number}"));
    }
    assert!(closed > 0, "all of it was read");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_named_a_token_stays() {
    let pair = paired(&["--max-connections=1", "--nameless-seconds=1"]).await;
    let token = pair.known("token");
    let channel = channel(pair.worker.address).await;
    let describe = async || {
        let mut request = tonic::Request::new(DescribeRequest {});
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        WorkerClient::new(channel.clone()).describe(request).await.map(drop)
    };
    describe().await.unwrap();
    // Longer than the nameless may stay, and with somebody else at the door.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    let _ = connect(pair.worker.address, Ipv4Addr::new(127, 0, 0, 3)).await;
    describe().await.unwrap();
    let connections = pair.worker.log().matches("closed whose client has named no token").count();
    assert_eq!(connections, 0, "{}", pair.worker.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_without_a_token_do_not_fill_the_log() {
    let pair = paired(&[]).await;
    let channel = channel(pair.worker.address).await;
    for _ in 0..200 {
        let refused = WorkerClient::new(channel.clone()).describe(DescribeRequest {}).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
    }
    let lines = pair.worker.log().matches("a call without a token is refused").count();
    // Thirty a minute, and a minute may end meanwhile.
    assert!((1..=60).contains(&lines), "{lines} of 200");
}
