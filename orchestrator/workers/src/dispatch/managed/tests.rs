//! Workers made of shell.

use std::os::unix::fs::PermissionsExt as _;

use facesets_base::exit::Hint as _;

use super::*;

pub(super) const READY: &str = r#"{"ready":true,"address":"127.0.0.1:4","device":"CPU","provider":"cpu","pack":"open","protocol_version":1}"#;

/// A worker that is this script, and the folder in which it may leave files, its current one.
pub(super) fn script(text: &str) -> (tempfile::TempDir, Managed) {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("facesets-worker");
    fs::write(&binary, format!("#!/bin/sh\ncd '{}'\n{text}\n", folder.path().display())).unwrap();
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o700)).unwrap();
    let configuration = Configuration { listen: "127.0.0.1:0".to_owned(), ..Configuration::default() };
    let log = folder.path().join("logs/worker.log");
    (folder, Managed { binary, log, configuration, ready_timeout: Duration::from_secs(20) })
}

fn start(managed: &Managed) -> Result<ManagedWorker, ManagedError> {
    // A script that another test's fork still holds open for writing cannot be executed for a moment.
    loop {
        match ManagedWorker::start(managed, &CancellationToken::new()) {
            Err(ManagedError::Spawn { source, .. })
                if source.kind() == std::io::ErrorKind::ExecutableFileBusy => {}
            result => return result,
        }
    }
}

#[test]
fn a_worker_is_told_once_and_leaves_when_its_stdin_ends() {
    let (folder, managed) =
        script(&format!("echo \"$@\" >args; head -n 1 >told; echo '{READY}'; cat >rest; echo left >left"));
    let worker = start(&managed).unwrap();
    assert_eq!((worker.ready().address.as_str(), worker.ready().device.as_str()), ("127.0.0.1:4", "CPU"));
    let said = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(said("args"), "serve --managed\n");
    let expected = format!(
        "{{\"token\":\"{}\",\"configuration\":{{\"listen\":\"127.0.0.1:0\"}}}}\n",
        worker.token.as_str()
    );
    assert_eq!(said("told"), expected);
    assert_eq!(worker.token.as_str().len(), 64);
    assert!(!folder.path().join("left").exists());
    worker.stop();
    assert_eq!((said("rest"), said("left")), (String::new(), "left\n".to_owned()));
}

#[test]
fn a_worker_that_does_not_leave_is_killed_with_its_children() {
    let (folder, managed) = script(&format!("sleep 1000 & echo $! >child; echo '{READY}'; sleep 1000"));
    let worker = start(&managed).unwrap();
    let child: i32 = fs::read_to_string(folder.path().join("child")).unwrap().trim().parse().unwrap();
    worker.kill();
    // The child is nobody's any more; where nobody reaps it, it stays a zombie.
    let gone = || {
        let status = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        status.is_empty() || status.contains(") Z ")
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    while !gone() {
        assert!(Instant::now() < deadline, "the child still runs");
        std::thread::sleep(POLL);
    }
}

#[test]
fn a_refusal_is_passed_on_with_its_hint() {
    let (_folder, managed) =
        script(r#"echo '{"ready":false,"error":"no such pack","hint":"fetch it"}'; exit 2"#);
    let error = start(&managed).unwrap_err();
    assert_eq!(error.to_string(), "the worker cannot start: no such pack");
    assert_eq!(error.hint().as_deref(), Some("fetch it"));
}

#[test]
fn a_worker_of_another_protocol_version_is_refused() {
    let (_folder, managed) = script(r#"echo '{"ready":true,"where":"x","protocol_version":7}'; cat"#);
    assert!(matches!(start(&managed), Err(ManagedError::ProtocolVersion(7))));
}

#[test]
fn a_worker_that_ends_or_talks_nonsense_is_told_with_the_end_of_its_log() {
    let (_folder, managed) = script("echo 'cannot find libonnxruntime' >&2; exit 3");
    let error = start(&managed).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("it ended") && text.contains("cannot find libonnxruntime"), "{text}");
    assert!(error.hint().unwrap().contains("worker.log"));

    let (_folder, managed) = script("echo hello; cat");
    assert!(start(&managed).unwrap_err().to_string().contains("`hello`"));
}

#[test]
fn a_worker_that_says_nothing_is_given_up() {
    let (_folder, mut managed) = script("sleep 1000");
    managed.ready_timeout = Duration::from_millis(200);
    assert!(start(&managed).unwrap_err().to_string().contains("nothing came"));
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    managed.ready_timeout = Duration::from_secs(20);
    assert!(matches!(ManagedWorker::start(&managed, &cancelled), Err(ManagedError::Cancelled)));
}

#[test]
fn a_program_that_is_not_there_is_told_with_advice() {
    let error = find_binary(Some(Path::new("/no/such/worker"))).unwrap_err();
    assert!(
        error.to_string().contains("/no/such/worker") && error.hint().unwrap().contains("--worker-binary")
    );
}
