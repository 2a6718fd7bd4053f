//! Outputs and what they must not harm: photos, the library, outputs that are good. And embedding passes them
//! over.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use facesets_tests::{
    people::{self, Photo},
    program::Workspace,
    setup,
};
use serde_json::{Value, json};

use crate::refusals::{can_mount, in_namespace};

/// Everything below a folder but logs and the files that readers of the store leave beside it: files with
/// their bytes, folders without.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap().into_path());
    let is_library = |path: &PathBuf| path.components().any(|part| part.as_os_str() == "library");
    entries
        .filter(|path| !is_library(path))
        .map(|path| (path.clone(), fs::read(path).unwrap_or_default()))
        .collect()
}

fn portrait(name: &str) -> PathBuf {
    setup::photos().join("2009/portraits").join(name)
}

fn speech(name: &str) -> PathBuf {
    setup::photos().join("2012/speeches").join(name)
}

/// A workspace with four photos of two people in `photos`, embedded.
fn embedded() -> Workspace {
    let workspace = Workspace::new();
    fs::create_dir(workspace.join("photos")).unwrap();
    for (name, photo) in [
        ("a.jpg", portrait("obama.jpg")),
        ("b.jpg", speech("obama2.jpg")),
        ("c.jpg", speech("obama3.jpg")),
        ("d.jpg", portrait("biden.jpg")),
    ] {
        fs::copy(photo, workspace.join("photos").join(name)).unwrap();
    }
    workspace.ok(["embed", "photos"]);
    workspace
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn nothing_is_moved_aside_but_what_the_same_command_wrote() {
    let workspace = embedded();
    fs::write(workspace.join("afile"), "text").unwrap();
    workspace.ok(["cluster", "clusters"]);
    workspace.ok(["refine", "refined", "--min-faces", "2", "--min-blur", "0"]);
    workspace.ok(["dedup", "duplicates"]);
    fs::write(workspace.join("recipe.toml"), "trusted = ['photos']\n").unwrap();
    let before = tree(workspace.path());
    for args in [
        &["cluster", "photos", "--replace"][..],
        &["cluster", "photos"],
        &["cluster", "photos/..", "--replace"],
        &["cluster", ".", "--replace"],
        &["cluster", "library", "--replace"],
        &["cluster", "afile", "--replace"],
        &["cluster", "refined", "--replace"],
        &["refine", "clusters", "--replace"],
        &["dedup", "photos", "--replace"],
        &["export-swap", "refined", "refined", "--replace", "--no-certificate"],
        &["store", "export", "photos", "--format", "npy", "--force"],
        &["import", "folders", "recipe.toml", "--corpus", "photos", "--no-certificate"],
    ] {
        let run = workspace.run(args);
        assert_eq!(run.code, Some(2), "{args:?}: {run}");
        run.says(&["error:", "stays where it is", "hint: name another folder"]);
        assert!(!run.stderr.contains("`--replace`"), "{args:?}: {run}");
        assert!(tree(workspace.path()) == before, "{args:?} has changed something");
    }
    for args in [
        &["cluster", "clusters", "--replace"][..],
        &["refine", "refined", "--min-faces", "2", "--min-blur", "0", "--replace"],
        &["dedup", "duplicates", "--replace"],
        &["export-swap", "refined", "ready", "--replace", "--no-certificate"],
        &["export-swap", "refined", "ready", "--replace", "--no-certificate"],
        &["store", "export", "arrays", "--format", "npy", "--force"],
        &["store", "export", "arrays", "--format", "npy", "--force"],
    ] {
        workspace.ok(args);
    }
    for name in ["clusters", "refined", "duplicates", "ready", "arrays"] {
        assert!(workspace.join(format!("{name}.previous-1")).is_dir(), "{name}");
    }
}

#[test]
fn a_photo_that_was_written_over_is_left_out_of_its_persons_folder() {
    let workspace = embedded();
    let biden = fs::read(portrait("biden.jpg")).unwrap();
    fs::write(workspace.join("photos/a.jpg"), &biden).unwrap();
    for (command, out) in [("cluster", "clusters"), ("refine", "refined")] {
        for (placement, number) in [("copy", 1), ("hardlink", 2), ("symlink", 3)] {
            let out = format!("{out}-{number}");
            let mut args = vec![command, &out, "--materialize", placement];
            if command == "refine" {
                args.extend(["--min-faces", "2", "--min-blur", "0"]);
            }
            let run = workspace.run(&args);
            assert_eq!(run.code, Some(1), "{run}");
            run.says(&["photos/a.jpg", "has changed since it was embedded", "`facesets embed`"]);
            assert!(run.stdout.contains("1 photos have changed since"), "{run}");
            let set =
                workspace.join(&out).join(if command == "refine" { "faceset_001" } else { "person_001" });
            let placed: Vec<_> = fs::read_dir(set).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert_eq!(placed.len(), 2, "{placed:?}");
            assert!(placed.iter().all(|path| fs::read(path).unwrap() != biden), "{placed:?}");
        }
    }
    // Whoever touches a photo does not change it.
    fs::copy(portrait("obama.jpg"), workspace.join("photos/a.jpg")).unwrap();
    workspace.ok(["cluster", "again"]);
}

#[test]
fn a_full_disk_publishes_nothing_and_costs_no_earlier_output() {
    if !can_mount() {
        eprintln!("left out: this system does not allow mounting in a namespace of one's own (unshare)");
        return;
    }
    let workspace = embedded();
    fs::create_dir(workspace.join("small")).unwrap();
    // Room for a manifest, not for the photos, nor for a copy of the library.
    let script = r#"
        mount -t tmpfs -o size=64k tmpfs small || exit 90
        "$0" cluster small/out --materialize none || exit 91
        "$0" cluster small/cluster 2> cluster.txt; echo $? > cluster.code
        "$0" refine small/refine --min-faces 2 --min-blur 0 2> refine.txt; echo $? > refine.code
        "$0" cluster small/out --replace 2> replace.txt; echo $? > replace.code
        "$0" store backup small/copy.sqlite 2> backup.txt; echo $? > backup.code
        ls -A small > left.txt
        ls -A small/out >> left.txt
    "#;
    in_namespace(&workspace, script, &[]);
    let read = |name: &str| fs::read_to_string(workspace.join(name)).unwrap();
    for name in ["cluster", "refine", "replace", "backup"] {
        let (code, said) = (read(&format!("{name}.code")), read(&format!("{name}.txt")));
        assert_eq!(code.trim(), "2", "{name}: {said}");
        assert!(said.contains("cannot write") && said.contains("hint:"), "{name}: {said}");
        assert!(!said.contains("could not be read") && !said.contains("under the library"), "{name}: {said}");
    }
    assert!(!read("left.txt").lines().any(|name| name.contains("partial") || name.contains("previous")));
    assert!(
        !read("left.txt").lines().any(|name| name == "cluster" || name == "copy.sqlite"),
        "{}",
        read("left.txt")
    );
    assert!(read("left.txt").lines().any(|name| name == "manifest.json"), "{}", read("left.txt"));
}

#[test]
fn a_disk_that_is_not_mounted_costs_no_earlier_output() {
    let workspace = embedded();
    workspace.ok(["cluster", "clusters"]);
    workspace.ok(["refine", "refined", "--min-faces", "2", "--min-blur", "0"]);
    let before = [tree(&workspace.join("clusters")), tree(&workspace.join("refined"))];
    fs::rename(workspace.join("photos"), workspace.join("unplugged")).unwrap();
    fs::create_dir(workspace.join("photos")).unwrap();
    for command in ["cluster", "refine"] {
        let out = if command == "cluster" { "clusters" } else { "refined" };
        let mut args = vec![command, out, "--replace"];
        if command == "refine" {
            args.extend(["--min-faces", "2", "--min-blur", "0"]);
        }
        let run = workspace.run(args);
        assert_eq!(run.code, Some(2), "{run}");
        run.says(&["photos cannot be placed", "stays as it is", "mounted", "embed"]);
    }
    assert!([tree(&workspace.join("clusters")), tree(&workspace.join("refined"))] == before);
    assert_eq!(fs::read_dir(workspace.path()).unwrap().filter(is_aside).count(), 0);

    let run = workspace.run(["embed", "photos"]);
    run.says(&["all 4 photos that were known here have vanished", "mounted"]);
    let status = workspace.json(["status"]);
    assert_eq!(
        (count(&status["contents"]), count(&status["away"]), count(&status["gone"]["places"])),
        (4, 4, 0)
    );
    // Whoever means it can say so.
    let run = workspace.run(["cluster", "clusters", "--replace", "--accept-missing"]);
    assert_eq!(run.code, Some(1), "{run}");
    fs::remove_dir_all(workspace.join("clusters")).unwrap();
    fs::rename(workspace.join("clusters.previous-1"), workspace.join("clusters")).unwrap();

    // A single one that is gone is named, and costs the exit code.
    fs::remove_dir(workspace.join("photos")).unwrap();
    fs::rename(workspace.join("unplugged"), workspace.join("photos")).unwrap();
    workspace.ok(["embed", "photos"]);
    fs::remove_file(workspace.join("photos/b.jpg")).unwrap();
    let run = workspace.run(["cluster", "clusters", "--replace"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stdout.contains("1 photos of the library lie nowhere any more"), "{run}");
    assert!(run.stdout.contains("photos/b.jpg"), "{run}");
    let run = workspace.run(["cluster", "new", "--json"]);
    let said = run.json();
    assert_eq!((run.code, count(&said["vanished"])), (Some(1), 1), "{run}");
    assert!(said["missing"][0].as_str().unwrap().ends_with("photos/b.jpg"), "{run}");
    // Once `embed` has found out that it is gone, it costs nothing any more.
    workspace.ok(["embed", "photos"]);
    assert_eq!(workspace.json(["cluster", "newer"])["faces"], 3);
}

fn is_aside(entry: &std::io::Result<fs::DirEntry>) -> bool {
    entry.as_ref().unwrap().file_name().to_string_lossy().contains(".previous-")
}

#[test]
fn outputs_among_the_photos_are_not_embedded() {
    let workspace = embedded();
    let status = || workspace.json(["status"]);
    let before = status();
    workspace.ok(["cluster", "photos/out/clusters"]);
    workspace.ok(["cluster", "photos/out/clusters", "--replace"]);
    workspace.ok(["refine", "photos/out/refined", "--min-faces", "2", "--min-blur", "0"]);
    workspace.ok(["export-swap", "photos/out/refined", "photos/out/ready", "--no-certificate"]);
    let planned = workspace.json(["embed", "photos", "--dry-run"]);
    assert_eq!((count(&planned["files"]), count(&planned["outputs"])), (4, 4), "{planned}");
    let run = workspace.ok(["embed", "photos"]);
    run.says(&["left out because `facesets` wrote it", "photos/out/clusters.previous-1", "photos/out/ready"]);
    assert!(run.stdout.contains("outputs    4"), "{run}");
    let after = status();
    assert_eq!((&after["contents"], &after["locations"]), (&before["contents"], &before["locations"]));
    // Whoever names one means it: copies of two people's photos, at other places.
    let named = workspace.json(["embed", "photos/out/clusters"]);
    assert_eq!((count(&named["files"]), count(&named["outputs"])), (4, 0), "{named}");
}

#[test]
fn where_every_set_is_too_small_the_rules_and_the_flags_that_keep_them_are_told() {
    let workspace = Workspace::in_memory();
    let photos = |person, count| (0..count).map(move |number| Photo::of(person, number));
    people::add(
        &workspace,
        "models",
        &photos(0, 5).chain(photos(1, 3)).chain(photos(2, 1)).collect::<Vec<_>>(),
    );
    let said = workspace.json(["refine", "refined"]);
    assert_eq!((&said["facesets"], &said["shortage"]["faces"]), (&json!(0), &json!(9)), "{said}");
    let keep = "`--min-faces 3` makes 2 of the 3 groups a set";
    let taken = json!([{"gate": "too_few_images", "faces": 9, "keep": keep}]);
    assert_eq!(said["shortage"]["taken"], taken, "{said}");
    let text = workspace.ok(["refine", "refined", "--replace"]).stdout;
    for part in ["there is no set: of 9 faces none is left", keep, "0 facesets with 0 faces"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = workspace.ok(["refine", "blurred", "--min-blur", "101"]).stdout;
    assert!(text.contains("9: too blurred; `--min-blur 100` keeps them"), "{text}");
    // What is proposed does what was said.
    let said = workspace.json(["refine", "few", "--min-faces", "3"]);
    assert_eq!((&said["facesets"], &said["shortage"]), (&json!(2), &Value::Null), "{said}");

    let text = workspace.ok(["export-swap", "refined", "empty", "--no-certificate"]).stdout;
    assert!(text.contains("there is no set, as there was no face to make one from"), "{text}");
    let small = ["export-swap", "few", "small", "--no-certificate", "--min-face-short", "500"];
    let text = workspace.ok(small).stdout;
    assert!(text.contains("8: face too small; `--min-face-short 200` keeps them"), "{text}");
    let discover = ["discover", "photos", "--corpus", "empty", "--min-faces", "9", "--dry-run"];
    let text = workspace.ok(discover).stdout;
    assert!(text.contains("there is no set: of 9 faces none is left") && text.contains(keep), "{text}");
}
