//! A worker among clients that come and go for minutes: what it takes of the machine stays the same, and what
//! they took comes back.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use facesets_tests::{
    armoured::{Armoured, channel, handshake, trusting, wait_for},
    hostile::Stream,
    program::Workspace,
    random::Random,
    setup,
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::Pair;

/// Seconds of an ordinary run; a soak takes `FACESETS_SOAK_MINUTES`, ten of them unless that says otherwise.
const ORDINARY: Duration = Duration::from_secs(15);
const SOAK_MINUTES: u64 = 10;

/// Clients at once. One of them may have eight streams, and these have one each.
const CLIENTS: u64 = 6;

/// By which part the memory's median may grow from the first third of what is measured to the last one, in a
/// soak: the allocator has an arena for several lanes each, in which what is free lies about differently. If
/// one photo of ten stayed, it would double within minutes.
const GROWTH: f64 = 0.05;

/// Threads and files that may be more in the end than before anybody came: the runtime keeps threads that
/// have nothing to do for ten seconds, and the log and a scrape have files.
const SPARE: u64 = 4;

fn time() -> Duration {
    if std::env::var_os("FACESETS_SOAK").is_none() {
        return ORDINARY;
    }
    let minutes = std::env::var("FACESETS_SOAK_MINUTES").ok();
    let minutes = minutes.map_or(SOAK_MINUTES, |minutes| minutes.parse().expect("it is a number of minutes"));
    Duration::from_mins(minutes.clamp(1, 60))
}

/// Two packs of made-up models, of which one is kept and the other comes and goes.
fn models(folder: &Path) {
    let manifest = fs::read_to_string(setup::models().join("open/pack.json")).unwrap();
    for name in ["open", "other"] {
        fs::create_dir_all(folder.join(name)).unwrap();
        let named = manifest.replace("\"name\": \"open\"", &format!("\"name\": \"{name}\""));
        fs::write(folder.join(name).join("pack.json"), named).unwrap();
    }
}

/// What clients know and have done.
struct Crowd {
    worker: SocketAddr,
    metrics: String,
    token: String,
    photos: [Bytes; 2],
    began: Instant,
    over: AtomicBool,
    /// By what they did, see [`DEEDS`].
    done: [AtomicU64; DEEDS.len()],
}

const DEEDS: [&str; 9] = [
    "worked and left politely",
    "worked with the other pack",
    "vanished in an item",
    "vanished with answers open",
    "named a wrong token",
    "broke off a handshake",
    "said nothing and left",
    "asked for health",
    "asked whether it is healthy",
];

impl Crowd {
    /// One thing after another until it is over.
    async fn one(self: Arc<Self>, number: u64) {
        let mut random = Random(number + 1);
        while !self.over.load(Ordering::Relaxed) {
            let deed = random.below(DEEDS.len());
            // Now and then nobody asks for the other pack, long enough for it to leave.
            if deed == 1 && self.began.elapsed().as_secs() % 8 >= 4 {
                continue;
            }
            self.does(deed, &mut random).await;
            self.done[deed].fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(random.below(60) as u64)).await;
        }
    }

    async fn does(&self, deed: usize, random: &mut Random) {
        let photo = &self.photos[random.below(2)];
        let token = Some(self.token.as_str());
        let stream =
            async |pack: &str| Stream::open_as(channel(self.worker).await, token, pack).await.unwrap();
        match deed {
            0 => stream("open").await.work(photo, 1 + random.below(20) as u64).await,
            1 => stream("other").await.work(photo, 2).await,
            2 => stream("open").await.begin(1, 1 << 20, 1 + random.below(60_000)).await.unwrap(),
            3 => {
                let mut stream = stream("open").await;
                for id in 0..4 {
                    stream.send(&stream.item(id, photo.clone())).await.unwrap();
                }
            }
            4 => {
                let wrong = Stream::open_as(channel(self.worker).await, Some("sesame"), "open").await;
                assert_eq!(wrong.unwrap_err().code(), tonic::Code::Unauthenticated);
            }
            5 => drop(handshake(self.worker, trusting(|_| true)).await.unwrap()),
            6 => drop(tokio::net::TcpStream::connect(self.worker).await.unwrap()),
            7 => {
                let mut health = HealthClient::new(channel(self.worker).await);
                let answer = health.check(HealthCheckRequest::default()).await.unwrap();
                assert_eq!(answer.into_inner().status, 1);
            }
            _ => {
                let metrics = self.metrics.clone();
                // Nobody scrapes until the end: what is counted must not pile up.
                let said = tokio::task::spawn_blocking(move || get(&metrics, "healthz")).await.unwrap();
                assert!(said.ends_with("serving"), "{said}");
            }
        }
    }
}

fn scrape(address: &str) -> String {
    get(address, "metrics")
}

fn get(address: &str, what: &str) -> String {
    let mut http = TcpStream::connect(address).unwrap();
    write!(http, "GET /{what} HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n").unwrap();
    let mut metrics = String::new();
    http.read_to_string(&mut metrics).unwrap();
    metrics
}

/// A value that is a whole number.
fn value(metrics: &str, name: &str) -> i64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in:\n{metrics}")).parse::<f64>().unwrap() as i64
}

/// What was measured once a second.
struct Series {
    name: &'static str,
    unit: f64,
    values: Vec<f64>,
}

impl Series {
    fn sorted(values: &[f64]) -> Vec<f64> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// The median of a part of it, of `parts` of equal length.
    fn median(&self, part: usize, parts: usize) -> f64 {
        let len = self.values.len() / parts;
        let sorted = Self::sorted(&self.values[part * len..][..len]);
        sorted[sorted.len() / 2]
    }

    /// Least squares, a minute.
    fn slope(&self) -> f64 {
        let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / self.values.len() as f64;
        let seconds = || (0..self.values.len()).map(|second| second as f64);
        let (x, y) = (mean(&mut seconds()), mean(&mut self.values.iter().copied()));
        let both = mean(&mut seconds().zip(&self.values).map(|(second, value)| (second - x) * (value - y)));
        60.0 * both / mean(&mut seconds().map(|second| (second - x).powi(2))).max(f64::MIN_POSITIVE)
    }

    fn tell(&self) -> String {
        let sorted = Self::sorted(&self.values);
        let [least, middle, most] = [0, sorted.len() / 2, sorted.len() - 1].map(|at| sorted[at] / self.unit);
        let slope = self.slope() / self.unit;
        format!("{:8} {least:8.1} {middle:8.1} {most:8.1} {slope:+10.3} a minute", self.name)
    }
}

#[test]
fn clients_that_come_and_go_leave_nothing_behind() {
    let machine = Workspace::new();
    models(&machine.join("models"));
    let flags = [
        "--tls",
        "--metrics-listen=127.0.0.1:0",
        "--idle-unload-seconds=1",
        "--max-connections-per-client=64",
        "--stall-seconds=5",
    ];
    let worker = Armoured::start_frail(machine.path(), "", &machine.join("models"), None, &flags);
    let line = worker.log().lines().find(|line| line.contains("telling metrics")).map(str::to_owned).unwrap();
    let metrics = line.split("address=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let address = worker.address;
    let pair = Pair { worker, machine };
    pair.machine.ok(["worker", "add", &pair.worker.code(), "--name", "gpu", "--client", "crowd"]);
    let [threads, files] = pair.worker.threads_and_files();

    let small = fs::read(setup::photos().join("2009/portraits/biden.jpg")).unwrap();
    let large = fs::read(setup::photos().join("2018/group/t1.jpg")).unwrap();
    let crowd = Arc::new(Crowd {
        worker: address,
        metrics: metrics.clone(),
        token: pair.known("token"),
        photos: [small.into(), large.into()],
        began: Instant::now(),
        over: AtomicBool::new(false),
        done: Default::default(),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let clients: Vec<_> = (0..CLIENTS).map(|number| runtime.spawn(Arc::clone(&crowd).one(number))).collect();
    let mut series = [("MiB", 1024.0 * 1024.0), ("threads", 1.0), ("files", 1.0)]
        .map(|(name, unit)| Series { name, unit, values: Vec::new() });
    let (began, time) = (Instant::now(), time());
    while began.elapsed() < time {
        std::thread::sleep(Duration::from_secs(1));
        assert!(!clients.iter().any(tokio::task::JoinHandle::is_finished), "a client is not served");
        // The first fifth warms up.
        if began.elapsed() > time / 5 {
            let [threads, files] = pair.worker.threads_and_files();
            let now = [pair.worker.memory("VmRSS"), threads, files];
            series.iter_mut().zip(now).for_each(|(series, now)| series.values.push(now as f64));
        }
    }
    crowd.over.store(true, Ordering::Relaxed);
    for client in clients {
        runtime.block_on(client).unwrap();
    }
    drop(runtime);

    eprintln!(
        "{:8} {:>8} {:>8} {:>8} {:>10}   after {time:?} of {CLIENTS} clients",
        "", "least", "median", "most", "slope"
    );
    for series in &series {
        eprintln!("{}", series.tell());
    }
    for (deed, done) in DEEDS.iter().zip(&crowd.done) {
        let done = done.load(Ordering::Relaxed);
        eprintln!("{done:6} {deed}");
        assert!(done > 0, "nobody {deed}");
    }
    let scraped = wait_for("everything has come back", || {
        let scraped = scrape(&metrics);
        let held = ["streams", "connections", "items_in_flight", "bytes_in_flight", "queued_items"];
        let held: i64 = held.iter().map(|name| value(&scraped, &format!("facesets_worker_{name}"))).sum();
        (held == 0 && value(&scraped, "facesets_worker_loaded_packs") == 1).then_some(scraped)
    });
    wait_for("threads and files are what they were", || {
        let [threads_now, files_now] = pair.worker.threads_and_files();
        (threads_now <= threads + SPARE && files_now <= files + SPARE).then_some(())
    });
    eprintln!("{} photos answered", value(&scraped, "facesets_worker_items_total{outcome=\"ok\"}"));
    let loads = pair.worker.log().matches("loading a pack that is asked for").count();
    let unloads = pair.worker.log().matches("an idle pack is unloaded").count();
    eprintln!("{loads} loads and {unloads} unloads of the other pack");
    assert!(loads > 0 && unloads > 0);

    let [memory, threads, files] = &series;
    let growth = memory.median(2, 3) - memory.median(0, 3);
    // A short run is all warming up.
    let bound = if time > ORDINARY { GROWTH * memory.median(0, 3) } else { f64::INFINITY };
    assert!(growth < bound, "the memory has grown by {:.1} MiB", growth / memory.unit);
    for (name, series) in [("threads", threads), ("files", files)] {
        let growth = series.median(2, 3) - series.median(0, 3);
        assert!(growth <= SPARE as f64, "{growth} more {name}");
    }
    pair.nowhere(&[&crowd.token]);
}
