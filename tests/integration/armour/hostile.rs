//! Clients that flood, stall, lie and dribble: whoever means well is served beside each of them, and the
//! worker's memory stays bounded.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use bytes::Bytes;
use facesets_tests::{
    armoured::{Armoured, wait_for},
    hostile::{Attack, Attacker, Stream, channel_from},
    program::Workspace,
    setup,
};
use tonic::Code;

const GOOD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const BAD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

const MIB: u64 = 1 << 20;

/// Images in flight, of all clients: a good deal less than a hundred streams would like to have.
const IN_FLIGHT: u64 = 64 * MIB;

/// What the worker says of itself: this much a connection and a stream beside what is in flight.
const A_CONNECTION: u64 = 32 * MIB;
const A_STREAM: u64 = 5 * MIB;

/// And this much for pixels.
const PIXELS: u64 = 512 * MIB;

/// Connections that the one who means ill gets, and the other's.
const CONNECTIONS: u64 = 3 + 1;

/// Streams that the one who means ill gets, and the other's.
const STREAMS: u64 = 8 + 2;

fn photo() -> Bytes {
    std::fs::read(setup::photos().join("2009/portraits/biden.jpg")).unwrap().into()
}

async fn worker(flags: &'static [&str]) -> (Workspace, Armoured) {
    let start = || {
        let machine = Workspace::new();
        let worker = Armoured::start_plain(machine.path(), flags);
        (machine, worker)
    };
    tokio::task::spawn_blocking(start).await.unwrap()
}

async fn good(worker: &Armoured) -> Stream {
    Stream::open(channel_from(worker.address, GOOD).await.unwrap()).await.unwrap()
}

/// Lets `attack` rage, with at least so many `blows`, and demands that another client is served and the
/// memory stays within the bound.
async fn withstands(attack: Attack, blows: usize) {
    let (_machine, worker) = worker(&[
        "--max-image-bytes=16777216",
        "--max-bytes-in-flight=67108864",
        "--max-connections-per-client=3",
        "--stall-seconds=2",
    ])
    .await;
    let mut client = good(&worker).await;
    client.work(&photo(), 4).await;
    let before = worker.memory("VmHWM");
    let attacker = Attacker::start(&attack, worker.address, BAD);
    while attacker.blows() < blows {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    client.work(&photo(), 12).await;
    // Also one that comes only now.
    good(&worker).await.work(&photo(), 4).await;
    let grown = worker.memory("VmHWM") - before;
    let bound = IN_FLIGHT + CONNECTIONS * A_CONNECTION + STREAMS * A_STREAM;
    assert!(grown <= bound, "{} MiB more, {} are stated", grown / MIB, bound / MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_rubbish_leaves_others_their_turns_and_the_memory_bounded() {
    withstands(Attack::Flood(vec![b' '; 1 << 20].into()), 100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_photos_leaves_others_their_turns_and_the_memory_bounded() {
    withstands(Attack::Flood(photo()), 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_read_no_answers_fill_neither_the_queue_nor_the_memory() {
    withstands(Attack::Stall, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_items_take_only_their_clients_share() {
    withstands(Attack::Half, 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_about_sizes_end_the_stream_that_tells_them() {
    withstands(Attack::Lie, 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_of_one_address_leave_room_for_another() {
    withstands(Attack::Connections, 1000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_of_its_own_address_do_not_keep_a_client_out_for_long() {
    let (_machine, worker) = worker(&[]).await;
    let attacker = Attacker::start(&Attack::Connections, worker.address, GOOD);
    while attacker.blows() < 100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let trying = async {
        loop {
            if let Ok(channel) = channel_from(worker.address, GOOD).await
                && let Ok(stream) = Stream::open(channel).await
            {
                return stream;
            }
        }
    };
    let mut stream = tokio::time::timeout(Duration::from_mins(1), trying).await.unwrap();
    // Once it has named itself, it stays.
    stream.work(&photo(), 12).await;
    drop(attacker);
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_are_much_larger_than_their_files_wait_for_each_other() {
    // 396 MB while it is decoded: eight bytes a pixel, and three more as RGB.
    let picture = tokio::task::spawn_blocking(|| {
        let mut png = std::io::Cursor::new(Vec::new());
        let picture = image::DynamicImage::new_rgba16(6000, 6000);
        picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
        Bytes::from(png.into_inner())
    });
    let picture = picture.await.unwrap();
    let (_machine, worker) = worker(&["--lanes=3"]).await;
    let mut client = good(&worker).await;
    client.work(&photo(), 4).await;
    let before = worker.memory("VmHWM");
    for id in 0..4 {
        client.send(&client.item(id, picture.clone())).await.unwrap();
    }
    for _ in 0..4 {
        client.reply().await.unwrap().outcome.unwrap();
    }
    let grown = worker.memory("VmHWM") - before;
    let bound = PIXELS + 2 * A_CONNECTION;
    assert!(grown <= bound, "{} MiB more, {} are stated", grown / MIB, bound / MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dribbles_dribbles_alone() {
    withstands(Attack::Dribble, 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_does_not_go_on_ends_its_stream_and_is_counted() {
    let (_machine, worker) = worker(&["--stall-seconds=1", "--metrics-listen=127.0.0.1:0"]).await;
    let channel = channel_from(worker.address, BAD).await.unwrap();
    let mut stream = Stream::open(channel.clone()).await.unwrap();
    stream.begin(1, 100, 7).await.unwrap();
    let status = stream.end().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    assert!(status.message().contains("does not go on: 7 bytes"), "{status}");

    // A client has eight streams, of which the first one still cools down. Then it is told so.
    let mut streams = Vec::new();
    let status = loop {
        assert!(streams.len() <= 8, "{} streams", streams.len());
        match Stream::open(channel.clone()).await {
            Ok(stream) => streams.push(stream),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert!(status.message().contains("8 streams"), "{status}");

    let log = worker.log();
    let line = log.lines().find(|line| line.contains("telling metrics")).unwrap();
    let address = line.split("address=").nth(1).unwrap().split(' ').next().unwrap();
    let mut http = TcpStream::connect(address).unwrap();
    write!(http, "GET /metrics HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n").unwrap();
    let mut metrics = String::new();
    http.read_to_string(&mut metrics).unwrap();
    for reason in ["stalled", "client_streams"] {
        let sample = format!("facesets_worker_refused_total{{reason=\"{reason}\"}} 1");
        assert!(metrics.lines().any(|line| line == sample), "no {sample} in:\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_call_is_closed_and_one_with_a_call_is_not() {
    let (_machine, worker) = worker(&["--idle-connection-seconds=1", "--nameless-seconds=1"]).await;
    let mut client = good(&worker).await;
    let channel = channel_from(worker.address, BAD).await.unwrap();
    drop(Stream::open(channel.clone()).await.unwrap());
    let address = worker.address;
    let idle = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
        // Settings, and then the end.
        let mut said = Vec::new();
        stream.read_to_end(&mut said).map(|_| said.len())
    });
    assert!(idle.await.unwrap().unwrap() > 0);
    for said in ["without a call is closed", "closed whose client has named no token"] {
        wait_for("the log says so", || worker.log().contains(said).then_some(()));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    client.work(&photo(), 4).await;
}
