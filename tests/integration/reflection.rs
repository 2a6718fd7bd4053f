//! A generic gRPC client, which knows nothing of the protocol, asks a running worker what it is.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
};

use facesets_tests::setup::{self, repository};
use serde_json::{Value, json};

/// A worker with a token, stopped when dropped.
struct Worker {
    child: Child,
    address: String,
}

impl Worker {
    fn start() -> Self {
        let mut child = Command::new(setup::program("facesets-worker"))
            .args(["serve", "--managed"])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let configuration =
            json!({"models": setup::models(), "runtime": setup::runtime(), "pack": "open", "lanes": 1});
        let start = json!({"token": "sesame", "configuration": configuration});
        writeln!(child.stdin.as_mut().unwrap(), "{start}").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["ready"], json!(true), "{ready}");
        Self { child, address: ready["address"].as_str().unwrap().to_owned() }
    }

    /// What `scripts/python/reflect.py` finds, or why it does not.
    fn ask(&self, token: Option<&str>) -> Result<Value, String> {
        let python = setup::folder().join("grpc-venv/bin/python");
        assert!(python.is_file(), "`{}` is not there: run scripts/setup --tests", python.display());
        let mut command = Command::new(python);
        command
            .arg(repository().join("scripts/python/reflect.py"))
            .arg(&self.address)
            .env_remove("FACESETS_TOKEN");
        if let Some(token) = token {
            command.env("FACESETS_TOKEN", token);
        }
        let output = command.output().unwrap();
        if output.status.success() {
            Ok(serde_json::from_slice(&output.stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn a_generic_client_lists_the_services_and_calls_describe_and_health() {
    let worker = Worker::start();
    let found = worker.ask(Some("sesame")).unwrap();
    let services = found["services"].as_array().unwrap();
    for service in ["facesets.worker.v1.Worker", "grpc.health.v1.Health"] {
        assert!(services.contains(&json!(service)), "{services:?}");
    }
    assert_eq!(found["health"], json!("SERVING"));
    let described = &found["describe"]["worker"];
    assert_eq!((&described["protocol_version"], &described["provider"]), (&json!(1), &json!("cpu")));
    let packs = described["packs"].as_array().unwrap();
    let open = packs.iter().find(|pack| pack["name"] == json!("open")).unwrap();
    assert_eq!(open["models"].as_array().unwrap().len(), 4);
    assert_eq!(
        (&open["state"], &open["face_contract"]["det_size"]),
        (&json!("PACK_STATE_DEFAULT"), &json!(640))
    );
    assert_eq!(open["gender_age_contract"], Value::Null);
    let more = packs.iter().find(|pack| pack["name"] == json!("gender-age-standin")).unwrap();
    assert_eq!(more["models"][4]["role"], json!("MODEL_ROLE_GENDER_AGE"));
    assert_eq!(more["gender_age_contract"]["gender_age_sha256"], more["models"][4]["sha256"]);
    assert_eq!(more["face_contract"], open["face_contract"], "an optional model is no part of it");
    let clip = packs.iter().find(|pack| pack["name"] == json!("clip-standin")).unwrap();
    assert_eq!(clip["clip_contract"]["visual_sha256"], clip["models"][0]["sha256"]);
    assert_eq!(clip["clip_contract"]["preprocessing_version"], json!(1));
    assert_eq!((&clip["state"], &clip["face_contract"]), (&json!("PACK_STATE_AVAILABLE"), &Value::Null));

    let refused = worker.ask(None).unwrap_err();
    assert!(refused.contains("UNAUTHENTICATED"), "{refused}");
}
