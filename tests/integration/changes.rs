//! Changes to output folders: extended, cut off at every step, refused renames, drifted plans, undone.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
};

use facesets_tests::{
    people::{self, Photo},
    program::Workspace,
};
use rustix::process::{Pid, Signal, kill_process};

/// Sets of the corpus that is killed at every step.
const SETS: usize = 50;

/// `people` people with `photos` photos each, clustered.
pub(crate) fn clustered(people: usize, photos: usize) -> Workspace {
    let workspace = Workspace::in_memory();
    let all: Vec<Photo> =
        (0..people).flat_map(|person| (0..photos).map(move |number| Photo::of(person, number))).collect();
    people::add(&workspace, "models", &all);
    workspace.ok(["cluster", "clusters"]);
    workspace
}

/// One more photo of everybody, and two of somebody new.
pub(crate) fn more(workspace: &Workspace, people: usize) {
    let mut photos: Vec<Photo> = (0..people).map(|person| Photo::of(person, 90)).collect();
    photos.extend([Photo::of(people, 90), Photo::of(people, 91)]);
    people::add(workspace, "models", &photos);
}

/// Every file of a folder by its name, without what is kept of earlier sets.
pub(crate) fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_entry(|entry| entry.file_name() != ".facesets")
        .map(|entry| entry.expect("the output can be read"))
        .filter(|entry| !entry.file_type().is_dir())
        .map(|entry| (entry.path().strip_prefix(folder).unwrap().to_owned(), fs::read(entry.path()).unwrap()))
        .collect()
}

#[test]
fn killed_at_any_step_an_apply_leaves_the_old_or_the_new_state_and_undo_gives_back_the_first() {
    let workspace = clustered(SETS, 2);
    let clusters = workspace.join("clusters");
    let old = snapshot(&clusters);
    more(&workspace, SETS);
    workspace.ok(["extend", "clusters"]);
    let new = snapshot(&clusters);
    assert!(old != new);
    workspace.ok(["undo"]);
    assert_eq!(snapshot(&clusters), old);

    let (mut olds, mut news) = (0, 0);
    for step in 1.. {
        let run = workspace.run_cut_off(&format!("kill={step}"), &["extend", "clusters"]);
        if run.code.is_some() {
            assert_eq!(run.code, Some(0), "{run}");
            assert_eq!(snapshot(&clusters), new);
            break;
        }
        // The next command settles it, whichever it is.
        workspace.ok(["verify", "clusters"]);
        let now = snapshot(&clusters);
        if now == new {
            news += 1;
            workspace.ok(["undo"]);
            assert_eq!(snapshot(&clusters), old, "after step {step}");
        } else {
            assert!(now == old, "neither the old nor the new state after step {step}");
            olds += 1;
        }
    }
    // Begun and built: the old state. Written down, two renames for each set and the manifest, one for the
    // new set, swapped, done.
    assert_eq!((olds, news), (2, 1 + 2 * (SETS + 1) + 1 + 2));
}

#[test]
fn killed_at_any_step_two_folders_change_together_and_so_does_an_undo() {
    let workspace = clustered(3, 3);
    workspace.ok(["refine", "refined", "--min-faces", "2"]);
    let both = || [snapshot(&workspace.join("clusters")), snapshot(&workspace.join("refined"))];
    let old = both();
    more(&workspace, 3);
    let extend = ["extend", "clusters", "--refine-out", "refined"];
    workspace.ok(extend);
    let new = both();
    assert!(old[0] != new[0] && old[1] != new[1]);
    let mut seen = [0, 0];
    for step in 1.. {
        let run = workspace.run_cut_off(&format!("kill={step}"), &["undo"]);
        workspace.ok(["verify", "refined"]);
        let now = both();
        assert!(now == old || now == new, "step {step}");
        seen[usize::from(now == new)] += 1;
        if now == old {
            workspace.ok(extend);
        }
        if run.code.is_some() {
            break;
        }
    }
    assert_eq!(seen[1], 0, "an undo that was written down is finished");
    assert!(seen[0] > 10, "{seen:?}");
}

#[test]
fn a_rename_that_is_refused_leaves_everything_as_it_was() {
    let workspace = clustered(4, 2);
    let clusters = workspace.join("clusters");
    let old = snapshot(&clusters);
    more(&workspace, 4);
    for name in ["person_001", "person_004", "person_005", "manifest.json"] {
        let run = workspace.run_cut_off(&format!("refuse={name}"), &["extend", "clusters"]);
        assert_eq!(run.code, Some(2), "{run}");
        run.says(&[name, "taken back", "hint:"]);
        assert!(snapshot(&clusters) == old, "{name}");
        workspace.ok(["verify", "clusters"]);
    }
    workspace.ok(["extend", "clusters"]);
    let new = snapshot(&clusters);
    let run = workspace.run_cut_off("refuse=person_002", &["undo"]);
    assert_eq!(run.code, Some(2), "{run}");
    assert!(snapshot(&clusters) == new);
    workspace.ok(["undo"]);
    assert!(snapshot(&clusters) == old);
}

#[test]
fn a_plan_is_carried_out_once_and_refused_where_anything_has_drifted() {
    let workspace = clustered(3, 2);
    more(&workspace, 3);
    let planned = workspace.json(["extend", "clusters", "--plan", "plan.json"]);
    assert_eq!(planned["clusters"]["new_sets"].as_array().unwrap().len(), 1, "{planned}");
    let before = snapshot(&workspace.join("clusters"));
    let dry = workspace.ok(["extend", "clusters", "--dry-run"]);
    assert!(dry.stdout.contains("nothing was changed"), "{dry}");
    assert_eq!(snapshot(&workspace.join("clusters")), before);

    workspace.ok(["apply", "plan.json"]);
    let refused = workspace.run(["apply", "plan.json"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["clusters` has changed since the plan was made", "hint: make the plan again"]);

    workspace.ok(["undo"]);
    people::add(&workspace, "models", &[Photo::of(7, 1)]);
    let refused = workspace.run(["apply", "plan.json"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["the library has changed since the plan was made"]);
    workspace.ok(["extend", "clusters"]);
    let again = workspace.ok(["extend", "clusters"]);
    assert!(again.stdout.contains("nothing has changed"), "{again}");
}

#[test]
fn undo_refuses_to_lose_what_was_changed_by_hand() {
    let workspace = clustered(2, 2);
    more(&workspace, 2);
    workspace.ok(["extend", "clusters"]);
    fs::write(workspace.join("clusters/person_001/note.jpg"), "mine").unwrap();
    let refused = workspace.run(["undo"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["person_001", "has been changed since", "hint:"]);
    fs::remove_file(workspace.join("clusters/person_001/note.jpg")).unwrap();
    workspace.ok(["undo"]);
    let nothing = workspace.run(["undo"]);
    assert_eq!(nothing.code, Some(2), "{nothing}");
}

#[test]
fn a_folder_that_was_replaced_or_deleted_keeps_no_older_change_from_being_undone() {
    let workspace = clustered(2, 2);
    let old = snapshot(&workspace.join("clusters"));
    for folder in ["replaced", "deleted"] {
        workspace.ok(["cluster", folder]);
    }
    more(&workspace, 2);
    for folder in ["clusters", "replaced", "deleted"] {
        workspace.ok(["extend", folder]);
    }
    let new = snapshot(&workspace.join("clusters"));
    workspace.ok(["cluster", "replaced", "--replace"]);
    fs::remove_dir_all(workspace.join("deleted")).unwrap();
    let replaced = snapshot(&workspace.join("replaced"));

    let said = workspace.json(["undo", "--dry-run"]);
    let clusters = workspace.join("clusters").canonicalize().unwrap();
    assert_eq!(said["command"], format!("extend {}", clusters.display()), "{said}");
    assert_eq!(
        (&said["dry_run"], said["passed_over"].as_array().unwrap().len()),
        (&true.into(), 2),
        "{said}"
    );
    assert!(snapshot(&workspace.join("clusters")) == new);
    let undone = workspace.ok(["undo"]);
    undone.says(&["deleted` is gone", "replaced` is not there any more", "cannot be taken back any more"]);
    assert!(
        snapshot(&workspace.join("clusters")) == old && snapshot(&workspace.join("replaced")) == replaced
    );
    let nothing = workspace.run(["undo"]);
    assert_eq!(nothing.code, Some(2), "{nothing}");
    nothing.says(&["deleted` is gone", "there is no decision to take back"]);
}

#[test]
fn verify_names_what_is_missing_too_much_or_another() {
    let workspace = clustered(3, 2);
    workspace.ok(["verify", "clusters", "--files"]);
    let person = workspace.join("clusters/person_002");
    let mut photos: Vec<PathBuf> =
        fs::read_dir(&person).unwrap().map(|entry| entry.unwrap().path()).collect();
    photos.sort();
    fs::remove_file(&photos[0]).unwrap();
    fs::write(&photos[1], "another photo").unwrap();
    fs::write(person.join("more.jpg"), "more").unwrap();
    fs::create_dir(workspace.join("clusters/person_009")).unwrap();
    let run = workspace.run(["verify", "clusters", "--files", "--json"]);
    assert_eq!(run.code, Some(1), "{run}");
    let findings = run.json()["findings"].as_array().unwrap().clone();
    let problem = |what: &str| {
        let finding = findings.iter().find(|finding| finding["what"].as_str().unwrap().ends_with(what));
        finding.unwrap_or_else(|| panic!("{what}: {findings:?}"))["problem"].as_str().unwrap().to_owned()
    };
    assert_eq!(problem(photos[0].file_name().unwrap().to_str().unwrap()), "is missing");
    assert!(problem(photos[1].file_name().unwrap().to_str().unwrap()).starts_with("holds "));
    assert_eq!(problem("more.jpg"), "is not in the manifest");
    assert_eq!(problem("person_009"), "is not in the manifest");
    assert_eq!(findings.len(), 4, "{findings:?}");
}

#[test]
fn a_clustering_that_needs_too_much_memory_is_refused_before_it_starts() {
    let workspace = clustered(3, 2);
    for command in [&["cluster", "other"][..], &["refine", "other"], &["extend", "clusters"]] {
        let refused = workspace.run(command.iter().chain(&["--max-memory", "1K"]));
        assert_eq!(refused.code, Some(2), "{refused}");
        refused.says(&["6 faces need up to", "1.0 KiB may be used", "hint:", "--force"]);
        assert!(!workspace.join("other").exists());
    }
    workspace.ok(["cluster", "other", "--max-memory", "1K", "--force"]);
    for engine in ["auto", "exact", "dense"] {
        workspace.ok(["cluster", engine, "--engine", engine]);
        assert_eq!(snapshot(&workspace.join(engine)), snapshot(&workspace.join("clusters")), "{engine}");
    }
}

#[test]
fn ctrl_c_stops_a_clustering_and_leaves_nothing_half_written() {
    let workspace = Workspace::in_memory();
    let photos: Vec<Photo> = (0..6000).map(|number| Photo::of(number % 500, number)).collect();
    people::add(&workspace, "models", &photos);
    let mut command = workspace.command(["cluster", "clusters", "--engine", "dense", "--force"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("6000 faces: up to"), "{first}");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{said:?}");
    assert!(said.iter().any(|line| line.contains("stopping")), "{said:?}");
    let mut left: Vec<_> =
        fs::read_dir(workspace.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["library", "photos"]);
}

#[test]
fn outputs_of_different_contracts_are_not_mixed() {
    let workspace = clustered(2, 2);
    people::add(&workspace, "other models", &[Photo::of(0, 0), Photo::of(0, 1)]);
    let refused = workspace.run(["cluster", "again"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["several contracts", "hint:", "--contract"]);
    let other = people::contract("other models").to_string();
    workspace.ok(["refine", "refined", "--min-faces", "1", "--contract", &other]);
    let refused = workspace.run(["extend", "clusters", "--refine-out", "refined"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    refused.says(&["was made under contract", "hint:"]);
    workspace.ok(["extend", "clusters"]);
}
