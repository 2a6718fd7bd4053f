//! Workers without models, killed, slow, wrong or deadly: every photo is committed, once.

use std::{
    collections::HashSet,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use facesets_tests::{
    program::{Run, Workspace},
    random::Random,
    setup,
};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kills::{no_process_is_left, processes};

/// Kills in an ordinary run and in a soak.
const KILLS: u32 = 20;
const SOAK_KILLS: u32 = 200;

/// Photos that only the fake worker takes for some. Dumps name paths, so libraries that are compared share
/// them.
pub(crate) struct Photos(pub(crate) TempDir);

impl Photos {
    pub(crate) fn new(photos: &[Vec<u8>]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (number, photo) in photos.iter().enumerate() {
            fs::write(folder.path().join(format!("{number:04}.jpg")), photo).unwrap();
        }
        Self(folder)
    }
}

/// A library of its own.
pub(crate) struct Place {
    pub(crate) workspace: Workspace,
    photos: PathBuf,
}

impl Place {
    pub(crate) fn new(photos: &Photos) -> Self {
        Self { workspace: Workspace::new(), photos: photos.0.path().to_owned() }
    }

    /// `embed` with a managed fake worker, or with the ones at `addresses`.
    pub(crate) fn embed(&self, script: &str, addresses: &[String], flags: &[&str]) -> Command {
        let mut command = self.workspace.command(["embed", "--json"]);
        command.arg(&self.photos).args(flags).env("FAKE_WORKER", script);
        command.env("FACESETS_WORKER_BINARY", setup::program("facesets-fake-worker"));
        for address in addresses {
            command.args(["--worker", address]);
        }
        command
    }

    fn journal(&self) -> PathBuf {
        self.workspace.join("journal")
    }

    /// Contents whose analysis was begun, in order.
    fn begun(&self) -> Vec<String> {
        begun_in(&self.journal())
    }

    /// Contents that are committed.
    fn committed(&self) -> HashSet<String> {
        let run = self.workspace.run(["store", "dump"]);
        let analysis = |line: &str| {
            let row: Value = serde_json::from_str(line).ok()?;
            Some(row["analysis"].as_str()?.to_owned())
        };
        run.stdout.lines().filter_map(analysis).collect()
    }
}

/// Contents whose analysis was begun, in order, as a fake worker's journal has them.
fn begun_in(journal: &Path) -> Vec<String> {
    let text = fs::read_to_string(journal).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// A fake worker that is not managed.
pub(crate) struct Remote {
    process: Child,
    pub(crate) address: String,
}

impl Remote {
    pub(crate) fn start(script: &str) -> Self {
        let mut process = Command::new(setup::program("facesets-fake-worker"))
            .arg("serve")
            .env("FAKE_WORKER", script)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        Self { process, address: ready["address"].as_str().unwrap().to_owned() }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn small_photos(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| format!("photo{number}").into_bytes()).collect()
}

/// The dump of a run in which nothing happens.
pub(crate) fn undisturbed(photos: &Photos) -> String {
    let place = Place::new(photos);
    let run = Run::from(place.embed("", &[], &[]).output().unwrap());
    assert_eq!(run.code, Some(0), "{run}");
    place.workspace.dump()
}

#[test]
fn kills_of_either_program_change_nothing_and_nothing_committed_is_done_again() {
    let kills = if std::env::var_os("FACESETS_SOAK").is_some() { SOAK_KILLS } else { KILLS };
    let photos = Photos::new(&small_photos(200));
    let expected = undisturbed(&photos);
    let seed = u64::from(std::process::id());
    eprintln!("seed {seed}");
    let mut random = Random(seed);
    let (mut killed, mut runs, mut finished) = (0, 0, 0);
    let mut place = Place::new(&photos);
    while killed < kills {
        runs += 1;
        let committed = place.committed();
        // A journal a run: the worker of an earlier one, which is about to leave, may go on with what it had.
        let journal = place.workspace.join(format!("journal-{runs}"));
        let script = format!("delay=10 journal={}", journal.display());
        // What was set aside by kills that met it alone, twice, is no more than a failure to be tried again.
        let mut embed = place.embed(&script, &[], &["--retry-failed"]);
        let mut child = embed.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let folder = place.workspace.path().canonicalize().unwrap();
        let status = loop {
            thread::sleep(Duration::from_millis(30 + (random.fraction() * 600.0) as u64));
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            // Kills of the worker accumulate within a run; one of the orchestrator ends it.
            if random.fraction() < 0.5 {
                killed += 1;
                child.kill().unwrap();
                let status = child.wait().unwrap();
                // Now and then the next run begins while the worker of this one is still about to leave.
                if random.fraction() < 0.5 {
                    no_process_is_left(&place.workspace);
                }
                break status;
            }
            for worker in processes("facesets-fake-worker", &folder) {
                killed += 1;
                let _ = kill_process(worker, Signal::KILL);
            }
        };
        let begun = begun_in(&journal);
        let again: Vec<_> = begun.iter().filter(|sha256| committed.contains(*sha256)).collect();
        assert!(again.is_empty(), "done again after they were committed: {again:?}");
        match status.code() {
            Some(0) => {
                assert_eq!(place.workspace.dump(), expected, "after {killed} kills");
                no_process_is_left(&place.workspace);
                place = Place::new(&photos);
                finished += 1;
            }
            // Something was set aside, or the worker was killed too often: the same command goes on.
            Some(1 | 2) | None => {}
            other => panic!("exit code {other:?} after {killed} kills"),
        }
    }
    let run = Run::from(place.embed("", &[], &["--retry-failed"]).output().unwrap());
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(place.workspace.dump(), expected);
    no_process_is_left(&place.workspace);
    eprintln!("{killed} kills, {runs} runs, {finished} finished before the next kill");
}

#[test]
fn three_workers_one_killed_one_slow_and_one_with_an_error_commit_every_photo() {
    let photos = Photos::new(&small_photos(300));
    let place = Place::new(&photos);
    let mut dying = Remote::start(&format!("delay=10 journal={}", place.journal().display()));
    let slow = Remote::start("delay=100");
    let erring = Remote::start("delay=10 error=photo7");
    let addresses = [&dying, &slow, &erring].map(|worker| worker.address.clone());
    let child =
        place.embed("", &addresses, &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while place.begun().len() < 30 {
        assert!(Instant::now() < deadline, "the worker that is to die has nothing to do");
        thread::sleep(Duration::from_millis(5));
    }
    dying.process.kill().unwrap();
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(run.json()["analysed"], 300, "{run}");
    assert!(place.begun().len() < 250, "it was killed in the middle: {}", place.begun().len());
    assert_eq!(place.workspace.dump(), undisturbed(&photos));
}

#[test]
fn a_second_orchestrator_on_a_library_is_refused_and_the_first_one_is_not_disturbed() {
    let photos = Photos::new(&small_photos(80));
    let place = Place::new(&photos);
    let script = format!("delay=20 journal={}", place.journal().display());
    let mut embed = place.embed(&script, &[], &[]);
    let mut first = embed.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while place.begun().is_empty() {
        assert!(
            Instant::now() < deadline && first.try_wait().unwrap().is_none(),
            "the first one does nothing"
        );
        thread::sleep(Duration::from_millis(5));
    }
    let second = Run::from(place.embed("", &[], &[]).output().unwrap());
    assert_eq!(second.code, Some(2), "{second}");
    second.says(&["in use", "hint:"]);
    let first = Run::from(first.wait_with_output().unwrap());
    assert_eq!((first.code, &first.json()["analysed"]), (Some(0), &80.into()), "{first}");
    assert_eq!(place.workspace.dump(), undisturbed(&photos));
    no_process_is_left(&place.workspace);
}

/// Keeps a fake worker running at one address, as a service manager does, until it is told to stop.
fn supervised(script: &'static str) -> (String, Arc<AtomicBool>, thread::JoinHandle<u32>) {
    let mut worker = Remote::start(script);
    let address = worker.address.clone();
    let stop = Arc::new(AtomicBool::new(false));
    let (told, at) = (Arc::clone(&stop), address.clone());
    let watching = thread::spawn(move || {
        let mut restarts = 0;
        while !told.load(Ordering::Relaxed) {
            if worker.process.try_wait().unwrap().is_some() {
                restarts += 1;
                worker = Remote::start(&format!("{script} listen={at}"));
            }
            thread::sleep(Duration::from_millis(1));
        }
        restarts
    });
    (address, stop, watching)
}

#[test]
fn a_photo_that_kills_a_worker_which_is_restarted_at_once_is_set_aside() {
    let mut photos = small_photos(60);
    photos[30] = b"deadly".to_vec();
    let photos = Photos::new(&photos);
    let place = Place::new(&photos);
    let (address, stop, watching) = supervised("delay=5 die=deadly");
    let run = Run::from(place.embed("", &[address], &[]).output().unwrap());
    stop.store(true, Ordering::Relaxed);
    let restarts = watching.join().unwrap();
    assert_eq!(run.code, Some(1), "{run}");
    run.says(&["0030.jpg", "2 workers died"]);
    assert_eq!(run.json()["analysed"], 59, "{run}");
    assert!((2..=3).contains(&restarts), "{restarts} restarts");
}

#[test]
fn a_photo_that_kills_its_worker_is_set_aside_and_named_and_the_others_are_done() {
    let mut photos = small_photos(60);
    photos[30] = b"deadly".to_vec();
    let photos = Photos::new(&photos);
    let place = Place::new(&photos);
    let began = Instant::now();
    let run = Run::from(place.embed("delay=5 die=deadly", &[], &[]).output().unwrap());
    assert_eq!(run.code, Some(1), "{run}");
    run.says(&["0030.jpg", "2 workers died"]);
    let json = run.json();
    assert_eq!((&json["analysed"], &json["failed"]["kills_worker"]), (&59.into(), &1.into()), "{run}");
    eprintln!("took {:?}", began.elapsed());
    let again = Run::from(place.embed("die=deadly", &[], &[]).output().unwrap());
    // It was named once; from then on it is counted.
    let json = again.json();
    assert_eq!(
        (again.code, &json["sent"], &json["known_failures"]),
        (Some(0), &0.into(), &1.into()),
        "{again}"
    );
    let healed = Run::from(place.embed("", &[], &["--retry-failed"]).output().unwrap());
    assert_eq!((healed.code, &healed.json()["sent"]), (Some(0), &1.into()), "{healed}");
    no_process_is_left(&place.workspace);
}

#[test]
fn other_networks_of_landmarks_bring_their_points_and_change_nothing_else() {
    let photos = Photos::new(&[b"one".to_vec(), b"two".to_vec()]);
    let place = Place::new(&photos);
    assert_eq!(Run::from(place.embed("", &[], &[]).output().unwrap()).code, Some(0));
    let before = place.workspace.dump();
    let enrich = |script: &str| {
        let mut command = place.workspace.command(["enrich", "--json"]);
        command
            .env("FAKE_WORKER", script)
            .env("FACESETS_WORKER_BINARY", setup::program("facesets-fake-worker"));
        Run::from(command.output().unwrap())
    };
    let same = enrich("");
    assert_eq!((same.code, &same.json()["sent"]), (Some(0), &json!(0)), "{same}");

    let enriched = enrich("landmarks=5");
    assert_eq!((enriched.code, &enriched.json()["analysed"]), (Some(0), &json!(2)), "{enriched}");
    let after = place.workspace.dump();
    let (was, is): (Vec<&str>, Vec<&str>) =
        before.lines().zip(after.lines()).filter(|(was, is)| was != is && !is.contains("\"digest\"")).unzip();
    assert_eq!(before.lines().count(), after.lines().count());
    for (was, is) in was.iter().zip(&is) {
        let [mut was, mut is] = [was, is].map(|line| serde_json::from_str::<Value>(line).unwrap());
        for changed in ["landmarks_contract", "landmarks_106", "landmarks_68"] {
            let [was, is] = [&mut was, &mut is].map(|record| record.as_object_mut().unwrap().remove(changed));
            assert!(was.is_none() || was != is, "{changed}");
        }
        assert_eq!(was, is);
    }
    assert!(!is.is_empty());
    assert_eq!(enrich("landmarks=5").json()["sent"], json!(0));

    let moved = enrich("landmarks=7 moved=300");
    assert_eq!((moved.code, &moved.json()["failed"]), (Some(1), &json!({"other_faces": 2})), "{moved}");
    assert_eq!(place.workspace.dump(), after);
    let again = Run::from(place.embed("landmarks=5", &[], &[]).output().unwrap());
    assert_eq!((again.code, &again.json()["sent"]), (Some(0), &json!(0)), "{again}");
}
