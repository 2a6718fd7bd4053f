//! Devices that are lost, hang and run out of memory in the middle of the work: no photo is lost or analysed
//! twice, and Health tells the truth.

use std::{
    collections::HashMap,
    io::Cursor,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use facesets_core::Sha256Digest;
use facesets_tests::{
    armoured::Armoured,
    frail::{self, Entry, Event, journal},
    program::{Run, Workspace},
    setup,
};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::Value;
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{dispatch::Photos, kills::no_process_is_left};

/// Photos of a run.
const PHOTOS: u32 = 500;

/// How long a device may take for a run. It takes a millisecond.
const DEVICE_TIMEOUT: Duration = Duration::from_secs(2);

/// Who looks after a worker starts it again when it has not served for so long; new sessions take a fifth of
/// it.
const OUT_OF_SERVICE: Duration = Duration::from_secs(1);

/// Seeds of an ordinary run and of a soak.
fn seeds() -> std::ops::Range<u64> {
    if std::env::var_os("FACESETS_SOAK").is_some() { 1..21 } else { 1..2 }
}

/// Small, and each different.
fn photos() -> Photos {
    let photo = |number: u32| {
        let noise = |x: u32, y: u32| (number.wrapping_mul(2_654_435_761) >> ((x + y) % 24)) as u8;
        let photo = RgbImage::from_fn(48, 48, |x, y| Rgb([noise(x, y), number as u8, (number >> 8) as u8]));
        let mut bytes = Cursor::new(Vec::new());
        photo.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    Photos::new(&(0..PHOTOS).map(photo).collect::<Vec<_>>())
}

/// `embed` with a managed frail worker of which `words` tell, or with those at `addresses`.
fn embed(workspace: &Workspace, photos: &Photos, words: &str, addresses: &[String]) -> Command {
    let mut command = workspace.command(["embed", "--json", "--retry-failed"]);
    command.arg(photos.0.path()).env(frail::VARIABLE, words);
    command.env("FACESETS_WORKER_BINARY", setup::program("facesets-frail-worker"));
    command.env("FACESETS_DEVICE_TIMEOUT_SECONDS", DEVICE_TIMEOUT.as_secs().to_string());
    for address in addresses {
        command.args(["--worker", address]);
    }
    command
}

/// The dump of a run in which nothing happens.
fn undisturbed(photos: &Photos) -> String {
    let workspace = Workspace::new();
    let run = Run::from(embed(&workspace, photos, "", &[]).output().unwrap());
    assert_eq!((run.code, &run.json()["analysed"]), (Some(0), &PHOTOS.into()), "{run}");
    workspace.dump()
}

/// Demands that every photo was committed once or is named, that the exit code says which, and that what was
/// named is only put off. How many were.
fn judge(run: &Run, workspace: &Workspace, photos: &Photos, expected: &str) -> usize {
    let said = run.json();
    let named: HashMap<PathBuf, &str> = said["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| {
            assert!(!failure["reason"].as_str().unwrap().is_empty(), "{failure}");
            (failure["path"].as_str().unwrap().into(), failure["kind"].as_str().unwrap())
        })
        .collect();
    assert_eq!(run.code, Some(i32::from(!named.is_empty())), "{run}");
    assert_eq!(said["analysed"], PHOTOS - named.len() as u32, "{run}");
    let dump = workspace.dump();
    let analysed = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        row["analysis"].as_str().map(str::to_owned)
    };
    let committed: Vec<String> = dump.lines().filter_map(analysed).collect();
    for entry in std::fs::read_dir(photos.0.path()).unwrap() {
        let path = entry.unwrap().path().canonicalize().unwrap();
        let sha256 = Sha256Digest::of(&std::fs::read(&path).unwrap()).to_string();
        let times = committed.iter().filter(|committed| **committed == sha256).count();
        assert_eq!(times, usize::from(!named.contains_key(&path)), "{}", path.display());
    }
    for kind in named.values() {
        assert!(["out_of_memory", "device_lost", "kills_worker"].contains(kind), "{run}");
    }
    if !named.is_empty() {
        let healed = Run::from(embed(workspace, photos, "", &[]).output().unwrap());
        assert_eq!((healed.code, &healed.json()["sent"]), (Some(0), &named.len().into()), "{healed}");
    }
    assert_eq!(workspace.dump(), expected);
    named.len()
}

/// How often each thing happened.
fn tell(journal: &[Entry]) -> String {
    let events = [Event::Started, Event::Away, Event::Gone, Event::Unmade, Event::Hanging, Event::NoMemory];
    let count = |event| journal.iter().filter(|entry| entry.event == event).count();
    events.map(|event| format!("{event:?} {}", count(event))).join(", ")
}

fn has_happened(journal: &[Entry]) {
    for event in [Event::Away, Event::Made, Event::Hanging, Event::NoMemory] {
        assert!(
            journal.iter().any(|entry| entry.event == event),
            "{event:?} never happened: {}",
            tell(journal)
        );
    }
}

#[test]
fn a_managed_worker_with_a_frail_device_is_started_again_and_every_photo_is_committed_once() {
    let photos = photos();
    let expected = undisturbed(&photos);
    for seed in seeds() {
        let (began, workspace) = (Instant::now(), Workspace::new());
        let file = workspace.join("journal");
        let words = format!("seed={seed} journal={}", file.display());
        let run = Run::from(embed(&workspace, &photos, &words, &[]).output().unwrap());
        let journal = journal(&file);
        eprintln!("seed {seed}: {}; took {:?}", tell(&journal), began.elapsed());
        has_happened(&journal);
        let named = judge(&run, &workspace, &photos, &expected);
        eprintln!("{named} of {PHOTOS} photos were named");
        no_process_is_left(&workspace);
    }
}

/// An answer of Health.
#[derive(Debug, Clone, Copy)]
struct Sample {
    asked: SystemTime,
    answered: SystemTime,
    process: u32,
    serving: bool,
}

/// Runs a worker as somebody does who looks at Health, and starts it again when that says for a while that it
/// does not serve. Says where it is, and in the end what Health said.
fn look_after(
    folder: &Path,
    words: &str,
    stop: &AtomicBool,
    where_it_is: &mpsc::Sender<String>,
) -> Vec<Sample> {
    let timeout = format!("--device-timeout-seconds={}", DEVICE_TIMEOUT.as_secs());
    let start = |at| Armoured::start_frail(folder, words, &setup::models(), at, &[&timeout]);
    let mut worker = start(None);
    let address = worker.address;
    where_it_is.send(address.to_string()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut samples = Vec::new();
    let mut since: Option<Instant> = None;
    let mut health = runtime.block_on(async {
        HealthClient::new(Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy())
    });
    while !stop.load(Ordering::Relaxed) {
        let asked = SystemTime::now();
        // Whoever names no token loses the connection now and then; soon a question opens another.
        let ask = || {
            let answer = runtime.block_on(health.check(HealthCheckRequest::default()));
            answer.inspect_err(|_| thread::sleep(Duration::from_millis(3)))
        };
        let answer = std::iter::repeat_with(ask).take(10).find_map(Result::ok).expect("Health is answered");
        let serving = answer.into_inner().status() == ServingStatus::Serving;
        samples.push(Sample { asked, answered: SystemTime::now(), process: worker.process(), serving });
        if serving {
            since = None;
        } else if since.get_or_insert_with(Instant::now).elapsed() > OUT_OF_SERVICE {
            drop(worker);
            worker = start(Some(address));
            since = None;
            // The connection to the one before is broken.
            health = runtime.block_on(async {
                HealthClient::new(Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy())
            });
        }
        thread::sleep(Duration::from_millis(3));
    }
    samples
}

/// Demands that Health said of one process what its device has written down; how many answers the journal
/// speaks for, of either sort.
fn is_true(samples: &[Sample], entries: &[Entry]) -> [usize; 2] {
    let mut spoken_for = [0; 2];
    let mut demand = |from: SystemTime, to: Option<SystemTime>, serving: bool| {
        let within = |sample: &&Sample| sample.asked > from && to.is_none_or(|to| sample.answered < to);
        for sample in samples.iter().filter(within) {
            assert_eq!(sample.serving, serving, "{sample:?} between {from:?} and {to:?} of {entries:#?}");
            spoken_for[usize::from(serving)] += 1;
        }
    };
    for (at, entry) in entries.iter().enumerate() {
        let mut next = entries[at + 1..].iter().filter(|next| next.event != Event::NoMemory);
        match entry.event {
            Event::Sound => demand(entry.at, next.next().map(|next| next.at), true),
            Event::Making => {
                let made = next.next().filter(|made| made.event == Event::Made);
                let gone = next.next().is_some_and(|after| after.event == Event::Gone);
                // No new sessions, or none that work: then it never serves again.
                demand(entry.at, made.filter(|_| !gone).map(|made| made.at), false);
            }
            // Nobody knows at once. Once it is known it stays.
            Event::Hanging => {
                let after: Vec<&Sample> = samples.iter().filter(|sample| sample.asked > entry.at).collect();
                assert!(after.is_sorted_by(|before, after| before.serving >= after.serving), "{after:?}");
                // The process may have been ended for what was before.
                let late = after.last().filter(|last| last.asked > entry.at + 2 * DEVICE_TIMEOUT);
                assert!(late.is_none_or(|last| !last.serving), "a hang was not found: {entry:?}, {late:?}");
            }
            _ => {}
        }
    }
    spoken_for
}

#[test]
fn health_tells_the_truth_about_frail_devices_so_that_whoever_heeds_it_loses_no_photo() {
    let photos = photos();
    let expected = undisturbed(&photos);
    for seed in seeds() {
        let (began, workspace) = (Instant::now(), Workspace::new());
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let files = folders.each_ref().map(|folder| folder.path().join("journal"));
        let stop = Arc::<AtomicBool>::default();
        let (run, samples) = thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            let keepers: Vec<_> = (0..2)
                .map(|number| {
                    let words =
                        format!("seed={} journal={}", seed * 2 + number as u64, files[number].display());
                    let (folder, stop, sender) = (folders[number].path(), &*stop, sender.clone());
                    scope.spawn(move || look_after(folder, &words, stop, &sender))
                })
                .collect();
            let addresses: Vec<String> = receiver.iter().take(2).collect();
            let run = embed(&workspace, &photos, "", &addresses).output().unwrap();
            stop.store(true, Ordering::Relaxed);
            let samples: Vec<Sample> =
                keepers.into_iter().flat_map(|keeper| keeper.join().unwrap()).collect();
            (Run::from(run), samples)
        });
        let mut spoken_for = [0; 2];
        let mut all = Vec::new();
        for file in &files {
            let entries = journal(file);
            for started in entries.iter().filter(|entry| entry.event == Event::Started) {
                let of = |process: u32| process == started.process;
                let samples: Vec<Sample> =
                    samples.iter().copied().filter(|sample| of(sample.process)).collect();
                let entries: Vec<Entry> = entries.iter().copied().filter(|entry| of(entry.process)).collect();
                let counts = is_true(&samples, &entries);
                (0..2).for_each(|sort| spoken_for[sort] += counts[sort]);
            }
            all.extend(entries);
        }
        let [ill, well] = spoken_for;
        eprintln!(
            "seed {seed}: {}; Health was right {well} + {ill} times; took {:?}",
            tell(&all),
            began.elapsed()
        );
        has_happened(&all);
        assert!(ill > 0 && well > 0, "Health was asked neither in good nor in bad times: {spoken_for:?}");
        let named = judge(&run, &workspace, &photos, &expected);
        eprintln!("{named} of {PHOTOS} photos were named");
    }
}
