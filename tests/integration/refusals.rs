//! What cannot go on says so: exit code 2, what is wrong, what to do next, and nothing lost.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
};

use facesets_core::wire::proto::{
    self, DescribeRequest, DescribeResponse, ProcessRequest, ProcessResponse, WorkerInfo,
    worker_server::{Worker, WorkerServer},
};
use facesets_tests::{
    program::{Run, Workspace},
    setup,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming, transport::Server};

/// A few photos with a face each.
fn few_photos() -> std::path::PathBuf {
    setup::photos().join("2015")
}

/// Runs `embed` on a few photos with other environment variables; demands that it refuses.
fn refused(workspace: &Workspace, variables: &[(&str, &Path)]) -> Run {
    let mut command = workspace.command([Path::new("embed"), &few_photos()]);
    command.envs(variables.iter().copied());
    let run = Run::from(command.output().expect("facesets can be started"));
    assert_eq!(run.code, Some(2), "{run}");
    run
}

#[test]
fn a_model_with_another_hash_is_not_used() {
    let workspace = Workspace::new();
    let models = workspace.join("models");
    fs::create_dir_all(models.join("open")).unwrap();
    for file in fs::read_dir(setup::models().join("open")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), models.join("open").join(file.file_name())).unwrap();
    }
    let recogniser = models.join("open/w600k_r50.onnx");
    let mut bytes = fs::read(&recogniser).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&recogniser, bytes).unwrap();

    let run = refused(&workspace, &[("FACESETS_MODELS", &models)]);
    run.says(&["w600k_r50.onnx", "sha256", "hint:"]);
}

#[test]
fn a_missing_pack_and_a_missing_runtime_are_named() {
    let workspace = Workspace::new();
    let nowhere = workspace.join("nowhere");
    refused(&workspace, &[("FACESETS_MODELS", &nowhere)]).says(&["open", "hint:", "models fetch"]);
    refused(&workspace, &[("FACESETS_RUNTIME", &nowhere.join("libonnxruntime.so"))])
        .says(&["libonnxruntime.so", "hint:"]);
    let not_a_library = workspace.join("text.so");
    fs::write(&not_a_library, "dear linker").unwrap();
    refused(&workspace, &[("FACESETS_RUNTIME", &not_a_library)]).says(&["text.so", "hint:"]);
}

#[test]
fn a_library_in_use_is_left_alone() {
    let workspace = Workspace::new();
    workspace.ok([Path::new("embed"), &few_photos()]);
    let dump = workspace.dump();
    let lock = File::open(workspace.join("library/lock")).unwrap();
    lock.lock().unwrap();
    refused(&workspace, &[]).says(&["in use", "hint:"]);
    assert_eq!(workspace.dump(), dump, "looking is possible meanwhile");
    drop(lock);
    workspace.ok([Path::new("embed"), &few_photos()]);
}

/// A worker of the future.
struct OtherVersion;

#[tonic::async_trait]
impl Worker for OtherVersion {
    type ProcessStream = tokio_stream::Once<Result<ProcessResponse, Status>>;

    async fn describe(&self, _: Request<DescribeRequest>) -> Result<Response<DescribeResponse>, Status> {
        Ok(Response::new(DescribeResponse { worker: Some(future_worker()) }))
    }

    async fn process(
        &self,
        _: Request<Streaming<ProcessRequest>>,
    ) -> Result<Response<Self::ProcessStream>, Status> {
        let hello = proto::process_response::Kind::Hello(future_worker());
        Ok(Response::new(tokio_stream::once(Ok(ProcessResponse { kind: Some(hello) }))))
    }
}

fn future_worker() -> WorkerInfo {
    WorkerInfo {
        protocol_version: 99,
        worker_version: "9.0.0".to_owned(),
        credit: Some(proto::Credit { max_items: 4, max_bytes: 1 << 20 }),
        limits: Some(proto::ImageLimits { max_bytes: 1 << 20, max_pixels: 1 << 20 }),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_another_protocol_version_is_refused() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder().add_service(WorkerServer::new(OtherVersion));
    let serving = tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let run = tokio::task::spawn_blocking(move || {
        let workspace = Workspace::new();
        workspace.run(["embed", few_photos().to_str().unwrap(), "--worker", &url])
    });
    let run = run.await.unwrap();
    serving.abort();
    assert_eq!(run.code, Some(2), "{run}");
    run.says(&["protocol version", "99", "hint:"]);
}

#[test]
fn a_worker_that_is_not_there_is_named() {
    let workspace = Workspace::new();
    let run = workspace.run(["embed", few_photos().to_str().unwrap(), "--worker", "http://127.0.0.1:9"]);
    assert_eq!(run.code, Some(2), "{run}");
    run.says(&["127.0.0.1:9", "hint:"]);
}

/// Whether this machine lets us mount a small file system of our own.
pub(crate) fn can_mount() -> bool {
    Command::new("unshare")
        .args(["--mount", "--map-root-user", "true"])
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a script in a workspace's folder that may mount what nobody else sees; `$0` in it is `facesets`, the
/// others are `args`.
pub(crate) fn in_namespace(workspace: &Workspace, script: &str, args: &[&Path]) {
    let command = workspace.command([""; 0]);
    let mut namespace = Command::new("unshare");
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => namespace.env(name, value),
            None => namespace.env_remove(name),
        };
    }
    namespace.args(["--mount", "--map-root-user", "sh", "-c", script]).arg(command.get_program()).args(args);
    let status = namespace.current_dir(workspace.path()).status().unwrap();
    assert!(status.success(), "{status}");
}

#[test]
fn a_full_disk_stops_the_run_and_it_goes_on_when_there_is_room() {
    if !can_mount() {
        eprintln!("left out: this system does not allow mounting in a namespace of one's own (unshare)");
        return;
    }
    let workspace = Workspace::new();
    fs::create_dir(workspace.join("library")).unwrap();
    // 200 kB hold the empty store, not all of its faces. What each run said is kept outside of the full disk.
    let script = r#"
        mount -t tmpfs -o size=200k tmpfs library || exit 90
        "$0" embed "$1" 2> full.txt; echo $? > full.code
        mount -o remount,size=64m library || exit 91
        "$0" embed "$1" > room.json 2> room.txt --json; echo $? > room.code
        "$0" store dump > dump.txt || exit 92
    "#;
    in_namespace(&workspace, script, &[&setup::photos()]);

    let read = |name: &str| fs::read_to_string(workspace.join(name)).unwrap();
    assert_eq!(read("full.code").trim(), "2", "{}", read("full.txt"));
    assert!(
        read("full.txt").contains("is full") && read("full.txt").contains("hint:"),
        "{}",
        read("full.txt")
    );
    assert_eq!(read("room.code").trim(), "0", "{}", read("room.txt"));

    let elsewhere = Workspace::new();
    elsewhere.ok([Path::new("embed"), &setup::photos()]);
    assert_eq!(read("dump.txt"), elsewhere.dump());
}
