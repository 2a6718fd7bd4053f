//! How many photos a second a client gets answered beside one that means ill, and alone: the real worker, one
//! lane, the open pack.
//!
//! Run by `scripts/bench-hostile`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark, not a program")]

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use facesets_tests::{
    armoured::Armoured,
    hostile::{Attack, Attacker, Stream, channel_from},
    program::Workspace,
    setup,
};

const GOOD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const BAD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// For the attack to be in full swing.
const BEGINNING: Duration = Duration::from_secs(1);

/// Photos a second within `time`.
async fn rate(stream: &mut Stream, photo: &Bytes, time: Duration) -> f64 {
    let (start, mut done) = (Instant::now(), 0);
    while start.elapsed() < time {
        stream.work(photo, 16).await;
        done += 16;
    }
    f64::from(done) / start.elapsed().as_secs_f64()
}

#[tokio::main]
async fn main() {
    let seconds = std::env::args().find_map(|argument| argument.strip_prefix("--seconds=")?.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(10));
    let photo: Bytes = std::fs::read(setup::photos().join("2009/portraits/biden.jpg")).unwrap().into();
    let attacks = [
        ("a flood of rubbish", Attack::Flood(vec![b' '; 1 << 20].into())),
        ("a flood of photos", Attack::Flood(photo.clone())),
        ("reads no answers", Attack::Stall),
        ("half items", Attack::Half),
        ("lies about sizes", Attack::Lie),
        ("1000 connections", Attack::Connections),
        ("dribbles", Attack::Dribble),
    ];
    println!("{:20} {:>9} {:>9} {:>7} {:>14}", "beside", "alone/s", "beside/s", "share", "peak growth");
    for (name, attack) in attacks {
        let machine = Workspace::new();
        let worker = Armoured::start_plain(machine.path(), &["--stall-seconds=5"]);
        let mut stream = Stream::open(channel_from(worker.address, GOOD).await.unwrap()).await.unwrap();
        stream.work(&photo, 16).await;
        // Before and after, so that what else the machine does shows.
        let mut alone = rate(&mut stream, &photo, time / 2).await;
        let before = worker.memory("VmHWM");
        let attacker = Attacker::start(&attack, worker.address, BAD);
        tokio::time::sleep(BEGINNING).await;
        let beside = rate(&mut stream, &photo, time).await;
        let grown = (worker.memory("VmHWM") - before) >> 20;
        drop(attacker);
        tokio::time::sleep(BEGINNING).await;
        alone = f64::midpoint(alone, rate(&mut stream, &photo, time / 2).await);
        let share = 100.0 * beside / alone;
        println!("{name:20} {alone:9.1} {beside:9.1} {share:6.0}% {grown:10} MiB");
    }
}
