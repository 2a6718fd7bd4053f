//! What is scanned, what is tried again, and what is written down about it.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use facesets_tests::{program::Workspace, setup};
use serde_json::{Value, json};

use crate::bad_input::run_as_ordinary_user;

/// Text of the newest log of a command, by its name.
fn log_of(workspace: &Workspace, command: &str) -> String {
    let logs = fs::read_dir(workspace.join("library/logs")).unwrap().map(|entry| entry.unwrap().path());
    let of_command =
        |path: &std::path::PathBuf| path.to_str().unwrap().ends_with(&format!("Z-{command}.log"));
    let newest = logs.filter(of_command).max().unwrap_or_else(|| panic!("`{command}` has kept no log"));
    fs::read_to_string(newest).unwrap()
}

fn embedded() -> Workspace {
    let workspace = Workspace::new();
    fs::write(workspace.join("broken.jpg"), "no image").unwrap();
    let run =
        workspace.run([Path::new("embed"), &setup::photos().join("2015"), &workspace.join("broken.jpg")]);
    assert_eq!(run.code, Some(1), "{run}");
    workspace
}

#[test]
fn a_mistyped_source_or_pattern_makes_no_library() {
    let workspace = Workspace::new();
    let run = workspace.run(["embed", "/nope"]);
    assert_eq!(run.code, Some(2), "{run}");
    run.says(&["there is no file or folder `/nope`", "hint:"]);
    let run = workspace.run(["embed", ".", "--exclude", "a["]);
    assert_eq!(run.code, Some(2), "{run}");
    run.says(&["`a[` is no pattern", "hint:"]);
    assert!(!workspace.join("library").exists());
}

#[test]
fn patterns_and_policies_are_flags_and_are_counted() {
    let workspace = Workspace::new();
    for name in ["a.jpg", ".hidden.jpg", "x/b.jpg", "cache/c.jpg", "notes.txt"] {
        let path = workspace.join("photos").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    std::os::unix::fs::symlink("x", workspace.join("photos/link")).unwrap();
    for (flags, counts) in [
        (&[][..], json!([3, 1, 1, 1, 0])),
        (&["--hidden", "--symlinks", "follow"], json!([4, 1, 0, 0, 0])),
        (&["--exclude", "cache", "--exclude", "A.*"], json!([1, 1, 1, 1, 2])),
        (&["--include", "x/**", "--include", "c.jpg", "--exclude", "cache"], json!([1, 1, 1, 1, 2])),
    ] {
        let args = ["embed", "photos", "--dry-run"].iter().chain(flags);
        let summary = workspace.json(args);
        let found: Vec<&Value> = ["files", "other_files", "symlinks", "hidden", "excluded"]
            .iter()
            .map(|name| &summary[name])
            .collect();
        assert_eq!(json!(found), counts, "{flags:?}: {summary}");
    }
    assert!(!workspace.join("library").exists(), "a dry run writes nothing");
}

#[test]
fn every_long_command_keeps_a_log_that_ends_with_its_counters() {
    let workspace = embedded();
    workspace.ok(["cluster", "clusters"]);
    workspace.ok(["refine", "refined", "--min-faces", "1", "--min-blur", "0"]);
    workspace.ok(["export-swap", "refined", "out"]);
    workspace.ok(["store", "export", "faces.npz"]);
    workspace.ok(["store", "verify"]);
    workspace.ok(["store", "backup", "copy.sqlite"]);
    assert_eq!(workspace.run(["retry", "--failed"]).code, Some(1));
    for (command, counter) in [
        ("embed", r#""analysed":"#),
        ("cluster", r#""persons":"#),
        ("refine", r#""facesets":"#),
        ("export-swap", r#""facesets":"#),
        ("store-export", r#""faces":"#),
        ("store-verify", r#""findings":"#),
        ("store-backup", r#""bytes":"#),
        ("retry", r#""failed":{"decode":1}"#),
    ] {
        let log = log_of(&workspace, command);
        let last: Vec<&str> = log.lines().rev().take(2).collect();
        assert!(last[0].contains("ended") && last[1].contains("summary="), "{command}: {log}");
        assert!(last[1].replace(r#"\""#, "\"").contains(counter), "{command}: {log}");
    }
}

#[test]
fn a_library_that_can_only_be_read_is_read() {
    let workspace = embedded();
    fs::set_permissions(workspace.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let logs = fs::read_dir(workspace.join("library/logs")).unwrap().count();
    for folder in ["library", "library/logs"] {
        fs::set_permissions(workspace.join(folder), fs::Permissions::from_mode(0o555)).unwrap();
    }
    for (args, warns) in [
        (&["status"][..], false),
        (&["store", "dump"], false),
        (&["cluster", "clusters"], true),
        (&["refine", "refined", "--min-faces", "1"], true),
        (&["store", "export", "faces.npz"], true),
        (&["store", "verify"], true),
        (&["store", "backup", "copy.sqlite"], true),
        (&["retry", "--dry-run"], false),
    ] {
        let run = run_as_ordinary_user(&workspace, args);
        assert_eq!(run.code, Some(0), "{args:?}: {run}");
        assert_eq!(run.stderr.contains("no log is kept"), warns, "{args:?}: {run}");
    }
    let run = run_as_ordinary_user(&workspace, &["embed", "broken.jpg"]);
    assert_eq!(run.code, Some(2), "{run}");
    fs::set_permissions(workspace.join("library"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(fs::read_dir(workspace.join("library/logs")).unwrap().count(), logs);
}

#[test]
fn failures_are_listed_and_tried_again_without_a_scan() {
    let workspace = embedded();
    fs::copy(workspace.join("broken.jpg"), workspace.join("also broken.jpg")).unwrap();
    workspace.run(["embed", "also broken.jpg"]);
    let status = workspace.json(["status"]);
    let failed = &status["contracts"][0]["failed"];
    assert!(failed[0]["path"].as_str().unwrap().ends_with("/also broken.jpg"), "{status}");
    assert!(failed[0]["aliases"][0].as_str().unwrap().ends_with("/broken.jpg"), "{status}");
    assert_eq!((&failed[0]["kind"], &failed[0]["vanished"]), (&json!("decode"), &json!(false)));

    let listed = workspace.json(["retry", "--failed", "--dry-run"]);
    assert_eq!(&listed["contracts"][0]["failed"], failed);
    let listed = workspace.json(["retry", "--dry-run", "--kind", "too_large"]);
    assert_eq!(listed["contracts"][0]["failed"], json!([]));

    let run = workspace.run(["retry", "--failed", "--json"]);
    assert_eq!(run.code, Some(1), "{run}");
    run.says(&["also broken.jpg", "no image format"]);
    let summary = run.json();
    assert_eq!((&summary["sent"], &summary["files"]), (&json!(1), &json!(2)), "{run}");

    let nowhere = Workspace::new();
    let run = nowhere.run(["retry"]);
    assert_eq!(run.code, Some(2), "{run}");
    run.says(&["there is no library", "hint:"]);
    assert!(!nowhere.join("library").exists());
}
