//! Python programs of tests; `numpy` is part of the set-up.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::setup;

/// What a program prints as JSON when it is run with one argument.
pub fn json(program: &str, argument: &Path) -> Value {
    let python = setup::folder().join("venv/bin/python");
    let output =
        Command::new(python).args(["-c", program]).arg(argument).output().expect("Python can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the program prints JSON")
}
