//! The worker's armour: who gets in, what goes over the wire, and what nobody ever sees in a log.

mod certificates;
mod drill;
mod handshakes;
mod hostile;
mod messages;
mod nameless;
mod network;
mod pairing;
mod soak;
mod tokens;

use std::{fs, path::Path};

use facesets_tests::{armoured::Armoured, program::Workspace, setup};
use walkdir::WalkDir;

/// A worker, and a user's machine that may have paired with it.
struct Pair {
    worker: Armoured,
    machine: Workspace,
}

impl Pair {
    fn strangers() -> Self {
        let machine = Workspace::new();
        let worker = Armoured::start(machine.path(), &[]);
        Self { worker, machine }
    }

    fn paired() -> Self {
        let pair = Self::strangers();
        pair.machine.ok(["worker", "add", &pair.worker.code(), "--name", "gpu", "--client", "laptop"]);
        pair
    }

    /// The file that names the worker.
    fn roster(&self) -> String {
        fs::read_to_string(self.machine.join("config/facesets/workers.toml")).unwrap()
    }

    /// A value in it.
    fn known(&self, key: &str) -> String {
        let roster = self.roster();
        let line = roster.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{roster}"));
        line.split('"').nth(1).unwrap().to_owned()
    }

    /// Puts another value in its place.
    fn forge(&self, key: &str, value: &str) {
        let roster = self.roster();
        let forged = roster.replace(&self.known(key), value);
        assert_ne!(forged, roster);
        fs::write(self.machine.join("config/facesets/workers.toml"), forged).unwrap();
    }

    /// Demands that no log and nothing that was kept has any of some secrets in it, where only the roster may
    /// have tokens.
    fn nowhere(&self, secrets: &[&str]) {
        let mut looked_at = 0;
        for entry in WalkDir::new(self.machine.path()) {
            let entry = entry.unwrap();
            if entry.file_type().is_file() && !entry.path().ends_with("workers.toml") {
                no_secrets(&String::from_utf8_lossy(&fs::read(entry.path()).unwrap()), secrets, entry.path());
                looked_at += 1;
            }
        }
        assert!(looked_at >= 4, "the worker's log and state are there to be looked at");
    }
}

fn no_secrets(text: &str, secrets: &[&str], whose: &Path) {
    for secret in secrets {
        // A part of a code would be one too many already.
        let part = &secret[secret.len() / 2..];
        assert!(!text.contains(secret) && !text.contains(part), "a secret is in {}", whose.display());
    }
}

/// A few photos with a face each.
fn photos() -> String {
    setup::photos().join("2015").to_str().unwrap().to_owned()
}
