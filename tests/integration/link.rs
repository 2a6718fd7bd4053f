//! A link that stalls, delays, cuts and resets in the middle of messages costs time and nothing else.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use facesets_tests::{program::Run, random::Random};

use crate::dispatch::{Photos, Place, Remote, undisturbed};

/// Breaks of the link in an ordinary run and in a soak.
const BREAKS: u32 = 10;
const SOAK_BREAKS: u32 = 100;

/// A TCP proxy before `target`; its address. Each connection is broken after some hundred kilobytes, with
/// delays and stalls before.
fn bad_link(target: String, breaks: Arc<AtomicU32>, seed: u64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut random = Random(seed);
        for client in listener.incoming() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(&target)) else { return };
            let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || {
                let (mut from, mut to) = back;
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
            let (breaks, seed) = (Arc::clone(&breaks), (random.fraction() * 1e9) as u64 + 1);
            thread::spawn(move || pass_on(client, server, Random(seed), &breaks));
        }
    });
    address
}

fn pass_on(mut client: TcpStream, mut server: TcpStream, mut random: Random, breaks: &AtomicU32) {
    let mut left = 200_000 + (random.fraction() * 300_000.0) as usize;
    let mut buffer = vec![0; 7001];
    loop {
        let Ok(count @ 1..) = client.read(&mut buffer) else {
            let _ = server.shutdown(Shutdown::Both);
            return;
        };
        let passed = count.min(left);
        if server.write_all(&buffer[..passed]).is_err() {
            return;
        }
        left -= passed;
        let chance = random.fraction();
        if left == 0 {
            breaks.fetch_add(1, Ordering::Relaxed);
            if chance < 0.5 {
                let _ = client.shutdown(Shutdown::Both);
            } else {
                // Closed with bytes that nobody has read: the kernel resets the connection.
                thread::sleep(Duration::from_millis(20));
            }
            let _ = server.shutdown(Shutdown::Both);
            let _ = client.shutdown(Shutdown::Both);
            return;
        }
        if chance < 0.02 {
            thread::sleep(Duration::from_millis(400));
        } else if chance < 0.2 {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_link_that_breaks_in_the_middle_of_messages_loses_nothing() {
    let wanted = if std::env::var_os("FACESETS_SOAK").is_some() { SOAK_BREAKS } else { BREAKS };
    let mut random = Random(u64::from(std::process::id()));
    let photo = |number: u32| {
        let mut photo = format!("photo {number} ").into_bytes();
        photo.resize(20_000 + (random.fraction() * 40_000.0) as usize, number as u8);
        photo
    };
    let photos = Photos::new(&(0..wanted * 14).map(photo).collect::<Vec<_>>());
    let expected = undisturbed(&photos);
    let place = Place::new(&photos);
    let worker = Remote::start("");
    let breaks = Arc::new(AtomicU32::new(0));
    let address = bad_link(worker.address.clone(), Arc::clone(&breaks), 7);
    let run = Run::from(place.embed("", &[address], &[]).output().unwrap());
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(place.workspace.dump(), expected);
    let breaks = breaks.load(Ordering::Relaxed);
    eprintln!("the link broke {breaks} times");
    assert!(breaks >= wanted, "only {breaks}");
}
