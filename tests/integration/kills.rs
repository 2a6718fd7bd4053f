//! Killed at any moment, a run goes on where it was: nothing lost, nothing twice, nothing left behind.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use facesets_tests::{program::Workspace, random::Random, setup};
use rustix::process::{Pid, Signal, kill_process};

/// Kills in an ordinary run; `scripts/test --soak` makes ten times as many.
const KILLS: u32 = 20;

/// How long an orphan may take to notice that nobody is there any more.
const GRACE: Duration = Duration::from_secs(15);

/// Processes of a program that were started in `folder`.
pub(crate) fn processes(program: &str, folder: &Path) -> Vec<Pid> {
    let program = setup::program(program).canonicalize().expect("the program is there");
    let is_it = |process: &PathBuf| {
        let exe = fs::read_link(process.join("exe")).ok();
        let cwd = fs::read_link(process.join("cwd")).ok();
        exe.as_ref() == Some(&program) && cwd.is_some_and(|cwd| cwd == folder)
    };
    fs::read_dir("/proc")
        .expect("there is a /proc")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_it)
        .filter_map(|process| Pid::from_raw(process.file_name()?.to_str()?.parse().ok()?))
        .collect()
}

pub(crate) fn no_process_is_left(workspace: &Workspace) {
    let folder = workspace.path().canonicalize().expect("the folder is there");
    let deadline = Instant::now() + GRACE;
    loop {
        let programs = ["facesets", "facesets-worker", "facesets-fake-worker", "facesets-frail-worker"];
        let left = programs.map(|program| processes(program, &folder)).concat();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "still there after {GRACE:?}: {left:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn embed(workspace: &Workspace) -> Command {
    let mut command = workspace.command([Path::new("embed"), &setup::photos()]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Kills the orchestrator, or its worker where there is one already.
fn kill(workspace: &Workspace, child: &mut Child, the_worker: bool) {
    if the_worker {
        let folder = workspace.path().canonicalize().expect("the folder is there");
        for worker in processes("facesets-worker", &folder) {
            // It may have ended by itself meanwhile.
            let _ = kill_process(worker, Signal::KILL);
        }
    } else {
        child.kill().expect("an own child can be killed");
    }
}

#[test]
fn twenty_kills_at_random_moments_change_nothing() {
    let soak = std::env::var_os("FACESETS_SOAK").is_some();
    let kills = if soak { KILLS * 10 } else { KILLS };
    let undisturbed = Workspace::new();
    let began = Instant::now();
    undisturbed.ok([Path::new("embed"), &setup::photos()]);
    let whole_run = began.elapsed();
    let expected = undisturbed.dump();

    let seed = u64::from(std::process::id());
    eprintln!("seed {seed}, an undisturbed run takes {whole_run:?}");
    let mut random = Random(seed);
    let mut disturbed = Workspace::new();
    let mut finished = 0;
    for number in 0..kills {
        let mut child = embed(&disturbed).spawn().expect("facesets can be started");
        thread::sleep(whole_run.mul_f64(random.fraction() * 1.05));
        kill(&disturbed, &mut child, number % 2 == 1);
        let status = child.wait().expect("an own child can be waited for");
        match status.code() {
            // It was done before the kill.
            Some(0) => {
                assert_eq!(disturbed.dump(), expected, "kill {number}");
                no_process_is_left(&disturbed);
                disturbed = Workspace::new();
                finished += 1;
            }
            // Its worker was killed: it stops and says so. Or it was killed itself.
            Some(2) | None => {}
            other => panic!("kill {number}: exit code {other:?}"),
        }
    }
    disturbed.ok([Path::new("embed"), &setup::photos()]);
    assert_eq!(disturbed.dump(), expected);
    let again = disturbed.json([Path::new("embed"), &setup::photos()]);
    assert_eq!(again["sent"], 0, "{again}");
    no_process_is_left(&disturbed);
    eprintln!("{finished} of {kills} runs were done before their kill");
    assert!(finished < kills, "no kill met a run at work");
}

#[test]
fn a_second_run_sends_nothing() {
    let workspace = Workspace::new();
    let first = workspace.json([Path::new("embed"), &setup::photos()]);
    let dump = workspace.dump();
    let second = workspace.json([Path::new("embed"), &setup::photos()]);
    assert_eq!((&first["sent"], &second["sent"]), (&28.into(), &0.into()), "{first}\n{second}");
    assert_eq!(workspace.dump(), dump);
    no_process_is_left(&workspace);
}
