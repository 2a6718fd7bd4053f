//! The invariants of ARCHITECTURE.md, read off the source text.

use std::{
    fs,
    path::{Path, PathBuf},
};

use facesets_tests::setup::repository;
use walkdir::WalkDir;

/// Most lines of a source file.
const MAX_LINES: usize = 800;

/// Lines that 95 of 100 files stay below, and those that half of them stay below.
const P95_LINES: usize = 500;
const MEDIAN_LINES: usize = 150;

/// Most bytes of committed fixtures.
const MAX_FIXTURE_BYTES: u64 = 2_000_000;

struct Source {
    /// Relative to the repository.
    path: PathBuf,
    /// Without what stands under `#[cfg(test)]` at the end of the file.
    code: String,
    lines: usize,
}

impl Source {
    fn is_below(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }
}

/// The project's own Rust files below some folders.
fn sources(folders: &[&str]) -> Vec<Source> {
    let root = repository();
    let mut sources: Vec<Source> = folders
        .iter()
        .flat_map(|folder| WalkDir::new(root.join(folder)))
        .map(|entry| entry.expect("the checkout can be read").into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source file is UTF-8");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            let path = path.strip_prefix(root).expect("it lies below").to_owned();
            Source { path, code, lines: text.lines().count() }
        })
        .collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!sources.is_empty(), "no source below {folders:?}");
    sources
}

/// Demands that `word` appears in no code below `folders` except in `allowed` places.
fn only_in(word: &str, folders: &[&str], allowed: &[&str]) {
    for source in sources(folders) {
        // Unit tests that have a file of their own are not under `#[cfg(test)]` in it.
        let is_test =
            source.path.ends_with("tests.rs") || source.path.components().any(|c| c.as_os_str() == "tests");
        if !is_test && !source.is_below(allowed) {
            for (number, line) in (1..).zip(source.code.lines()) {
                let comment = line.trim_start().starts_with("//");
                assert!(
                    comment || !line.contains(word),
                    "`{word}` belongs into {allowed:?}, not into {}:{number}",
                    source.path.display()
                );
            }
        }
    }
}

const PROGRAMS: &[&str] = &["gpu-worker/src", "orchestrator/src"];

#[test]
fn the_two_programs_do_not_know_each_other() {
    let dependencies = |package: &str| {
        let manifest = fs::read_to_string(repository().join(package).join("Cargo.toml")).unwrap();
        manifest.split("[dependencies]").nth(1).expect("a package has dependencies").to_owned()
    };
    assert!(!dependencies("orchestrator").contains("facesets-worker"));
    assert!(
        !dependencies("gpu-worker")
            .lines()
            .any(|line| line.starts_with("facesets.") || line.starts_with("facesets "))
    );
    for package in ["shared", "shared/imaging"] {
        assert!(!dependencies(package).contains("facesets-worker"), "{package}");
    }
}

#[test]
fn messages_of_the_protocol_stay_at_the_edge() {
    only_in("wire::proto", PROGRAMS, &["gpu-worker/src/service", "orchestrator/src/dispatch"]);
    only_in("tonic::", PROGRAMS, &["gpu-worker/src/service", "orchestrator/src/dispatch"]);
}

#[test]
fn sql_is_written_in_the_store_only() {
    only_in("rusqlite", PROGRAMS, &["orchestrator/src/store"]);
}

#[test]
fn the_onnx_runtime_is_called_in_the_engine_only() {
    for path in ["use ort::", "(ort::", "<ort::", " ort::Error"] {
        only_in(path, &["gpu-worker/src"], &["gpu-worker/src/engine"]);
        only_in(path, &["orchestrator/src", "shared"], &[]);
    }
}

#[test]
fn only_the_user_interface_prints() {
    for word in ["print!(", "println!(", "eprint!(", "eprintln!(", "indicatif"] {
        only_in(word, &["orchestrator/src", "shared/src", "shared/imaging/src"], &["orchestrator/src/ui"]);
    }
}

#[test]
fn algorithms_do_no_io_and_know_no_runtime() {
    let pure = [
        "orchestrator/src/cluster",
        "orchestrator/src/grouping.rs",
        "orchestrator/src/matching.rs",
        "orchestrator/src/pins.rs",
        "orchestrator/src/upright.rs",
        "orchestrator/src/consent.rs",
        "orchestrator/src/fields.rs",
        "orchestrator/src/adopt/decide.rs",
        "orchestrator/src/refine",
        "orchestrator/src/extend",
        "orchestrator/src/identity",
        "orchestrator/src/era",
        "orchestrator/src/why.rs",
        "orchestrator/src/quality.rs",
        "orchestrator/src/plausible.rs",
        "orchestrator/src/export/plan.rs",
        "orchestrator/src/export/collapse.rs",
        "orchestrator/src/export/crop.rs",
        "orchestrator/src/export/diverse.rs",
        "orchestrator/src/export/succession.rs",
        "orchestrator/src/export/png.rs",
        "gpu-worker/src/vision",
        "shared/src",
    ];
    for source in sources(&["orchestrator/src", "gpu-worker/src", "shared/src"]) {
        let generated_protocol = source.is_below(&["shared/src/wire"]);
        if source.is_below(&pure) && !generated_protocol {
            for word in ["std::fs", "std::net", "std::process", "tokio", "async ", "std::env"] {
                assert!(!source.code.contains(word), "`{word}` in {}", source.path.display());
            }
        }
    }
}

#[test]
fn files_are_small() {
    let all = sources(&["shared", "gpu-worker", "orchestrator", "tests"]);
    for source in &all {
        assert!(source.lines <= MAX_LINES, "{} has {} lines", source.path.display(), source.lines);
    }
    let mut lines: Vec<usize> = all.iter().map(|source| source.lines).collect();
    lines.sort_unstable();
    assert!(lines[lines.len() / 2] <= MEDIAN_LINES, "the median file has {} lines", lines[lines.len() / 2]);
    assert!(lines[lines.len() * 95 / 100] <= P95_LINES, "p95 is {} lines", lines[lines.len() * 95 / 100]);
}

#[test]
fn every_source_file_says_what_it_is_for() {
    for source in sources(&["shared", "gpu-worker", "orchestrator", "tests"]) {
        assert!(source.code.starts_with("//!"), "{} has no module documentation", source.path.display());
    }
}

#[test]
fn committed_fixtures_are_small() {
    let bytes: u64 = WalkDir::new(repository().join("tests/fixtures"))
        .into_iter()
        .filter_map(|entry| entry.expect("the checkout can be read").metadata().ok())
        .filter(fs::Metadata::is_file)
        .map(|file| file.len())
        .sum();
    assert!(bytes <= MAX_FIXTURE_BYTES, "fixtures have {bytes} bytes");
}

#[test]
fn the_code_map_names_every_module_of_the_two_programs() {
    let map =
        fs::read_to_string(repository().join("ARCHITECTURE.md")).expect("there is an architecture page");
    for program in PROGRAMS {
        for entry in fs::read_dir(repository().join(program)).unwrap() {
            let name = entry.unwrap().file_name().into_string().expect("a source file has an ASCII name");
            let module = Path::new(&name).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if !["lib", "main"].contains(&module) {
                assert!(
                    map.contains(&format!("`{module}")),
                    "ARCHITECTURE.md does not name `{module}` of {program}"
                );
            }
        }
    }
}

#[test]
fn the_lock_file_of_the_fuzz_targets_knows_what_our_packages_need() {
    let lock = fs::read_to_string(repository().join("tests/fuzz/Cargo.lock")).unwrap();
    for package in ["shared", "shared/imaging", "gpu-worker"] {
        let manifest = fs::read_to_string(repository().join(package).join("Cargo.toml")).unwrap();
        let name = manifest.split("name = \"").nth(1).unwrap().split('"').next().unwrap();
        let locked = lock.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{name}\"\n")));
        let locked = locked.unwrap_or_else(|| panic!("it knows no {name}"));
        let needed = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n\n").next().unwrap();
        for line in needed.lines().filter(|line| !line.contains("optional = true")) {
            let dependency = line.split(['.', ' ']).next().unwrap();
            let known = [format!(" \"{dependency}\""), format!(" \"{dependency} ")];
            assert!(
                known.iter().any(|known| locked.contains(known)),
                "{name} needs {dependency}: run `cargo update --workspace --manifest-path tests/fuzz/Cargo.toml`"
            );
        }
    }
}
