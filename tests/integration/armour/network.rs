//! Two machines: a network namespace each, with a cable between them.

use std::{fs, process::Command};

use facesets_tests::{armoured::worker_command, program::Workspace};

/// Exit code of a script that may not make a network of its own.
const NOT_PERMITTED: i32 = 77;

/// This end is the GPU machine (10.77.0.1), the other one (10.77.0.2) has the photos.
const CABLE: &str = r#"
    ip link set lo up && ip link add gpu type veth peer name photos || exit 77
    unshare --net sleep 300 & other=$!
    trap 'kill $other $worker 2>/dev/null' EXIT
    # The other namespace is there once its process is in it.
    for i in $(seq 100); do
        [ "$(readlink /proc/$other/ns/net)" = "$(readlink /proc/$$/ns/net)" ] || break
        sleep 0.1
    done
    ip link set photos netns $other || exit 77
    there() { nsenter --target $other --net "$@"; }
    ip addr add 10.77.0.1/24 dev gpu && ip link set gpu up || exit 77
    there ip addr add 10.77.0.2/24 dev photos && there ip link set photos up && there ip link set lo up || exit 77
"#;

const SCRIPT: &str = r#"
    said() { name=$1; shift; "$@" >$name.out 2>$name.err; echo $? >$name.code; }
    cd "$FOLDER"
    said refused-plaintext "$WORKER" serve --listen 10.77.0.1:50551 --tls=false
    said refused-tokenless "$WORKER" serve --listen 10.77.0.1:50551 --allow-plaintext

    "$WORKER" serve --listen 10.77.0.1:50551 2>worker.log & worker=$!
    for i in $(seq 600); do grep -q 'serving address' worker.log && break; sleep 0.1; done
    said loopback there "$FACESETS" embed "$PHOTOS" --worker http://127.0.0.1:50551
    said hesitant there "$FACESETS" embed "$PHOTOS" --worker http://10.77.0.1:50551 --token sesame-abroad
    said plaintext there "$FACESETS" embed "$PHOTOS" --worker http://10.77.0.1:50551 --token sesame-abroad --allow-plaintext
    said code "$WORKER" pair
    said add there "$FACESETS" worker add "$(cat code.out)" --name gpu
    said embed there "$FACESETS" embed "$PHOTOS"
"#;

#[test]
fn from_another_machine_the_worker_is_reached_over_tls_and_in_no_other_way() {
    let machine = Workspace::new();
    let facesets = machine.command([""; 0]);
    let worker = worker_command(machine.path(), &[]);
    let mut command = Command::new("unshare");
    command
        .args(["--net", "--map-root-user", "sh", "-c", &format!("{CABLE}{SCRIPT}")])
        .current_dir(machine.path())
        .env("FOLDER", machine.path())
        .env("PHOTOS", super::photos())
        .env("FACESETS", facesets.get_program())
        .env("WORKER", worker.get_program());
    for from in [&worker, &facesets] {
        for (name, value) in from.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    }
    let output = match command.output() {
        Err(error) => return eprintln!("left out: `unshare` cannot be started: {error}"),
        Ok(output) => output,
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(NOT_PERMITTED) || said.contains("unshare failed") {
        eprintln!("left out: this system allows no network namespace of one's own, or has no `ip`: {said}");
        return;
    }
    let read =
        |name: &str| fs::read_to_string(machine.join(name)).unwrap_or_else(|_| panic!("{name}: {said}"));
    for (name, code, part) in [
        ("refused-plaintext", "2", "photos would travel unencrypted"),
        ("refused-tokenless", "2", "without TLS there is no token"),
        ("loopback", "2", "cannot reach"),
        ("hesitant", "2", "would go there unencrypted"),
        ("plaintext", "2", "hint: check"),
        ("code", "0", "the worker is at 10.77.0.1:50551"),
        ("add", "0", ""),
        ("embed", "0", "at gpu (https://10.77.0.1:50551)"),
    ] {
        let told = read(&format!("{name}.err"));
        assert_eq!(read(&format!("{name}.code")).trim(), code, "{name}: {told}");
        assert!(told.contains(part), "{name}: {told}");
    }
    let log = read("worker.log");
    assert!(log.contains("10.77.0.2") && log.contains("a connection came to nothing"), "{log}");
    assert!(!log.contains("sesame-abroad"), "{log}");
    assert!(!log.contains(read("code.out").trim()), "{log}");
}
