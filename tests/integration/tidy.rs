//! The invariants of ARCHITECTURE.md that Cargo cannot hold: read off manifests, source text and documents.

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

/// Most characters of a line that is a comment, what it is indented by included.
const MAX_COMMENT: usize = 110;

/// Most bytes of committed fixtures.
const MAX_FIXTURE_BYTES: u64 = 2_000_000;

/// Our packages from the bottom up, each with those of ours that it may know, without their `facesets-`.
const PACKAGES: &[(&str, &str)] = &[
    ("shared", ""),
    ("shared/imaging", "core"),
    ("orchestrator/base", "core"),
    ("orchestrator/people", "core imaging base"),
    ("orchestrator/library", "core imaging base people"),
    ("orchestrator/interop", "core imaging base library"),
    ("orchestrator/workers", "core imaging base library"),
    ("orchestrator/corpus", "core imaging base people library interop workers"),
    ("orchestrator/legacy", "core imaging base people library interop corpus"),
    ("orchestrator", "core imaging base people library interop workers corpus legacy"),
    ("gpu-worker", "core imaging"),
];

/// Packages of others, each with those of ours that may know it and its relatives (`tonic-health`).
const BORDERS: &[(&str, &str)] = &[
    ("rusqlite", "orchestrator/library"),
    ("tonic", "shared orchestrator/workers gpu-worker"),
    ("ort", "gpu-worker"),
    ("clap", "orchestrator gpu-worker"),
    ("indicatif", "orchestrator"),
    ("tokio", "orchestrator/workers orchestrator/corpus orchestrator gpu-worker"),
];

/// A relative of `tokio` that anybody may know: it has the token by which work is stopped, and needs no
/// runtime.
const STOPS_WORK: &str = "tokio-util";

/// Code that does no I/O and knows no runtime, beside whatever says of itself that it is pure.
const PURE: &[&str] = &[
    "shared/src",
    "gpu-worker/src/vision",
    "orchestrator/base/src/fields.rs",
    "orchestrator/base/src/figures.rs",
    "orchestrator/base/src/folding.rs",
    "orchestrator/base/src/plausible.rs",
    "orchestrator/people/src",
    "orchestrator/corpus/src/era",
    "orchestrator/corpus/src/extend",
    "orchestrator/corpus/src/identity",
    "orchestrator/corpus/src/why.rs",
    "orchestrator/corpus/src/export/plan.rs",
    "orchestrator/corpus/src/export/collapse.rs",
    "orchestrator/corpus/src/export/crop.rs",
    "orchestrator/corpus/src/export/diverse.rs",
    "orchestrator/corpus/src/export/succession.rs",
    "orchestrator/corpus/src/export/png.rs",
    "orchestrator/legacy/src/adopt/decide.rs",
];

/// Everything that is written in Rust here.
const OURS: [&str; 4] = ["shared", "gpu-worker", "orchestrator", "tests"];

struct Source {
    /// Relative to the repository.
    path: PathBuf,
    text: String,
}

impl Source {
    /// Without what stands under `#[cfg(test)]` at the end of the file.
    fn code(&self) -> &str {
        self.text.split("#[cfg(test)]").next().unwrap_or_default()
    }

    /// Its numbered lines that are no comments.
    fn statements(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code().lines()).filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn is_below(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }

    /// Unit tests that have a file of their own are not under `#[cfg(test)]` in it.
    fn is_test(&self) -> bool {
        self.path.ends_with("tests.rs") || self.path.components().any(|part| part.as_os_str() == "tests")
    }

    fn calls_itself_pure(&self) -> bool {
        self.text.lines().take_while(|line| line.starts_with("//!")).any(|line| line.contains("Pure"))
    }
}

/// A file of the repository.
fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Files below some folders of the repository, relative to it.
fn files<P: AsRef<Path>>(folders: impl IntoIterator<Item = P>) -> Vec<PathBuf> {
    let root = repository();
    let mut files: Vec<PathBuf> = folders
        .into_iter()
        .flat_map(|folder| WalkDir::new(root.join(folder)))
        .map(|entry| entry.expect("the checkout can be read").into_path())
        .filter(|path| path.is_file())
        .map(|path| path.strip_prefix(root).expect("it lies below").to_owned())
        .collect();
    files.sort();
    files
}

/// The project's own Rust files below some folders.
fn sources<P: AsRef<Path>>(folders: impl IntoIterator<Item = P>) -> Vec<Source> {
    let sources: Vec<Source> = files(folders)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let text = fs::read_to_string(repository().join(&path)).expect("a source file is UTF-8");
            Source { path, text }
        })
        .collect();
    assert!(!sources.is_empty(), "there is no source");
    sources
}

/// What all packages are made of.
fn code() -> Vec<Source> {
    sources(PACKAGES.iter().map(|(package, _)| format!("{package}/src")))
}

/// What a package is built with, a line of its manifest each; what only its tests need is not looked at.
fn needs(package: &str) -> Vec<String> {
    let manifest = read(&format!("{package}/Cargo.toml"));
    let mut section = "";
    let mut needs = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            assert!(
                !line.contains("dependencies."),
                "{package}: a dependency is written on a line of its own"
            );
            section = line;
        } else if section.ends_with("dependencies]") && !section.ends_with("dev-dependencies]") {
            needs.push(line.to_owned());
        }
    }
    needs.retain(|line| !line.is_empty() && !line.starts_with('#'));
    needs
}

/// The package that a line of a manifest names.
fn name_of(line: &str) -> &str {
    line.split(['.', ' ', '=']).next().unwrap_or_default()
}

/// A path that has moved would no longer be looked at.
fn are_there(places: &[&str]) {
    for place in places {
        assert!(repository().join(place).exists(), "`{place}` is not there any more");
    }
}

/// Demands that `word` appears in no package's code except in `allowed` places.
fn only_in(word: &str, allowed: &[&str]) {
    are_there(allowed);
    for source in code() {
        if !source.is_test() && !source.is_below(allowed) {
            for (number, line) in source.statements() {
                assert!(
                    !line.contains(word),
                    "`{word}` belongs into {allowed:?}, not into {}:{number}",
                    source.path.display()
                );
            }
        }
    }
}

#[test]
fn packages_know_only_what_lies_below_them() {
    let mut known: Vec<PathBuf> =
        PACKAGES.iter().map(|(package, _)| Path::new(package).join("Cargo.toml")).collect();
    known.sort();
    let mut found = files(["shared", "gpu-worker", "orchestrator"]);
    found.retain(|path| path.ends_with("Cargo.toml"));
    assert_eq!(found, known, "every package stands in the table at the top, and in ARCHITECTURE.md");
    for (package, below) in PACKAGES {
        for line in needs(package) {
            if let Some(ours) = name_of(&line).strip_prefix("facesets") {
                let ours = ours.trim_start_matches('-');
                let may = below.split(' ').any(|name| !name.is_empty() && name == ours);
                assert!(may, "{package} may not know `{}`", name_of(&line));
            }
        }
    }
}

#[test]
fn packages_of_others_stay_within_their_borders() {
    for (package, _) in PACKAGES {
        for line in needs(package) {
            let name = name_of(&line);
            let family = name.split(['-', '_']).next().unwrap_or_default();
            let border = BORDERS.iter().find(|(other, _)| *other == family && name != STOPS_WORK);
            if let Some((_, allowed)) = border {
                let may = allowed.split(' ').any(|allowed| allowed == *package);
                assert!(may, "{package} may not know `{name}`, only {allowed}");
            }
        }
    }
}

#[test]
fn no_package_is_known_by_another_name() {
    for manifest in
        PACKAGES.iter().map(|(package, _)| format!("{package}/Cargo.toml")).chain(["Cargo.toml".to_owned()])
    {
        let renames = read(&manifest).replace(' ', "").contains("package=\"");
        assert!(!renames, "{manifest} gives a package another name, which the borders do not know");
    }
}

#[test]
fn doubles_for_tests_are_built_into_no_package() {
    for (package, _) in PACKAGES {
        for line in needs(package) {
            assert!(!line.contains("testing"), "{package} is built with doubles: {line}");
        }
    }
}

#[test]
fn messages_of_the_protocol_stay_at_the_edge() {
    let edge = ["shared/src/wire", "gpu-worker/src/service", "orchestrator/workers/src/dispatch"];
    only_in("wire::proto", &edge);
    only_in("tonic::", &edge);
}

#[test]
fn sql_is_written_in_the_store_only() {
    only_in("rusqlite", &["orchestrator/library/src/store"]);
}

#[test]
fn the_onnx_runtime_is_called_in_the_engine_only() {
    for path in ["use ort::", "(ort::", "<ort::", " ort::Error"] {
        only_in(path, &["gpu-worker/src/engine"]);
    }
}

#[test]
fn arguments_are_read_by_the_command_line_only() {
    only_in("clap::", &["orchestrator/src/cli.rs", "orchestrator/src/command", "gpu-worker/src"]);
}

#[test]
fn what_a_command_does_knows_neither_how_it_is_asked_for_nor_how_it_is_shown() {
    for source in sources(["orchestrator/src/pass"]) {
        for (number, line) in source.statements() {
            for word in ["crate::cli", "crate::command", "crate::ui"] {
                assert!(!line.contains(word), "`{word}` in {}:{number}", source.path.display());
            }
        }
    }
}

#[test]
fn only_the_user_interface_prints() {
    for word in ["print!(", "println!(", "eprint!(", "eprintln!(", "indicatif"] {
        only_in(word, &["orchestrator/src/ui"]);
    }
}

#[test]
fn how_a_program_ends_is_decided_in_main_only() {
    only_in("ExitCode", &["orchestrator/src/main.rs", "gpu-worker/src/main.rs"]);
    only_in("process::exit(", &[]);
}

#[test]
fn algorithms_do_no_io_and_know_no_runtime() {
    let forbidden = [
        "std::fs",
        "fs::",
        "File::",
        "std::net",
        "std::process",
        "process::",
        "std::env",
        "env::",
        "Instant::now",
        "SystemTime",
        "tokio",
        "async ",
    ];
    are_there(PURE);
    for source in code() {
        if source.is_below(PURE) || source.calls_itself_pure() {
            for word in forbidden {
                assert!(!source.code().contains(word), "`{word}` in {}", source.path.display());
            }
        }
    }
}

#[test]
fn files_are_small() {
    let mut all = Vec::new();
    for source in sources(OURS) {
        let lines = source.text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", source.path.display());
        all.push(lines);
    }
    all.sort_unstable();
    assert!(all[all.len() / 2] <= MEDIAN_LINES, "the median file has {} lines", all[all.len() / 2]);
    assert!(all[all.len() * 95 / 100] <= P95_LINES, "p95 is {} lines", all[all.len() * 95 / 100]);
}

#[test]
fn every_source_file_says_what_it_is_for() {
    for source in sources(OURS) {
        assert!(source.code().starts_with("//!"), "{} has no module documentation", source.path.display());
    }
}

#[test]
fn comments_are_narrow() {
    for source in sources(OURS) {
        for (number, line) in (1..).zip(source.text.lines()) {
            let width = line.chars().count();
            assert!(
                width <= MAX_COMMENT || !line.trim_start().starts_with("//"),
                "the comment in {}:{number} has {width} characters",
                source.path.display()
            );
        }
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
fn the_code_map_names_every_module_of_every_package_and_no_other() {
    let page = read("ARCHITECTURE.md");
    for (package, _) in PACKAGES {
        let heading = format!("\n### `{package}/src`");
        let section = page.split(heading.as_str()).nth(1).and_then(|rest| rest.split("\n#").next());
        let section = section.unwrap_or_else(|| panic!("ARCHITECTURE.md has no `{package}/src`"));
        let folder = repository().join(package).join("src");
        for entry in fs::read_dir(&folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().expect("a source file has an ASCII name");
            let module = Path::new(&name).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            assert!(
                ["lib", "main"].contains(&module) || section.contains(&format!("`{module}`")),
                "ARCHITECTURE.md does not name `{module}` of {package}"
            );
        }
        for row in section.lines().filter(|line| line.starts_with("| `")) {
            let modules = row.split('|').nth(1).unwrap_or_default();
            for module in modules.split('`').skip(1).step_by(2) {
                let is_there = folder.join(module).is_dir() || folder.join(format!("{module}.rs")).is_file();
                assert!(is_there, "ARCHITECTURE.md names `{module}`, which {package} has not");
            }
        }
    }
}

#[test]
fn every_source_file_that_the_documents_name_is_there() {
    let sources = sources(OURS);
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = read(page);
        let is_source = |name: &str| Path::new(name).extension().is_some_and(|extension| extension == "rs");
        let is_path = |name: &&str| !name.contains(' ') && (is_source(name) || name.contains("/src"));
        for name in text.split('`').filter(is_path) {
            let mut paths = sources.iter().flat_map(|source| source.path.ancestors());
            assert!(paths.any(|path| path.ends_with(name)), "{page} names `{name}`, which is not there");
        }
    }
}

#[test]
fn the_lock_file_of_the_fuzz_targets_knows_what_our_packages_need() {
    let lock = read("tests/fuzz/Cargo.lock");
    for package in ["shared", "shared/imaging", "gpu-worker"] {
        let manifest = read(&format!("{package}/Cargo.toml"));
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
